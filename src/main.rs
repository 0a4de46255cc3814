//! The `orgbase` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    orgbase::cli::main()
}

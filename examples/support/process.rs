//! What the kernel says about this process. Linux only.

use std::fs::read_to_string;

/// `sysconf(_SC_CLK_TCK)`: 100 on every Linux that runs Rust's standard library.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of all threads so far: user, system.
pub(crate) fn cpu_seconds() -> (f64, f64) {
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in brackets and may hold spaces.
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let mut times = after_name.split_whitespace().skip(11).map(|t| t.parse::<f64>().unwrap_or(0.0));
    let mut next = || times.next().unwrap_or(0.0) / TICKS_PER_SECOND;
    (next(), next())
}

/// Peak resident memory in MB (10^6 bytes).
pub(crate) fn peak_memory_mb() -> f64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) * 1024.0 / 1e6
}

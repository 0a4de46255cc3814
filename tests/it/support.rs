//! What the tests share.

pub(crate) mod checked;
pub(crate) mod faults;
pub(crate) mod mutations;
pub(crate) mod org;
pub(crate) mod recorder;
pub(crate) mod shape;
pub(crate) mod snippets;

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use snippets::Snippet;

/// Runs a test for every section, and names all that fail.
pub(crate) async fn for_each_section<F>(test: F)
where
    F: AsyncFn(&Snippet),
{
    let mut failures = Vec::new();
    for snippet in snippets::all() {
        if let Err(panic) = AssertUnwindSafe(test(&snippet)).catch_unwind().await {
            failures.push(format!("== {}: {}", snippet.id, text(&*panic)));
        }
    }
    assert!(failures.is_empty(), "{} sections fail:\n{}", failures.len(), failures.join("\n"));
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

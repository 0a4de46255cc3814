//! What Macie says.

use crate::error::CallError;

/// Macie is not on in the account: told by the message, since the code is that of a missing permission.
pub fn is_off(error: &CallError) -> bool {
    let says = error.message.as_deref().is_some_and(|text| text.contains("Macie is not enabled"));
    says && error.is(&["AccessDeniedException"])
}

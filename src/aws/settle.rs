//! Waiting for what was written a moment ago: copies of a service may answer with the older state for some time.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Kind, UnitError};

/// Pauses between reads while waiting; the last one repeats.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// How long something new may stay unseen.
const UNSEEN: Duration = Duration::from_mins(1);

/// The pauses, without end.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    PAUSES.into_iter().chain(std::iter::repeat(PAUSES[PAUSES.len() - 1]))
}

/// Reads what a call has just made until it shows; a part of it that is not found yet counts as unseen.
///
/// Errors: those of `read`; `Inconsistent` where it does not show within a minute. `what` names it there.
pub(crate) async fn shown<T, F>(what: &str, read: impl Fn() -> F) -> Result<T, UnitError>
where
    F: Future<Output = Result<Option<T>, UnitError>>,
{
    let started = Instant::now();
    for pause in pauses() {
        match read().await {
            Ok(Some(found)) => return Ok(found),
            Err(error) if error.kind != Kind::Vanished => return Err(error),
            _ if started.elapsed() >= UNSEEN => break,
            _ => tokio::time::sleep(pause).await,
        }
    }
    Err(UnitError::new(Kind::Inconsistent, format!("{what} was made but is not found"))
        .hint("run `orgbase plan` again in a few minutes"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Answers with `before` so often, then with a value.
    async fn after(
        reads: u32,
        before: impl Fn() -> Result<Option<u32>, UnitError>,
    ) -> (Result<u32, UnitError>, u32) {
        let count = AtomicU32::new(0);
        let found = shown("it", || {
            let n = count.fetch_add(1, Ordering::SeqCst);
            let answer = if n < reads { before() } else { Ok(Some(7)) };
            async move { answer }
        })
        .await;
        (found, count.into_inner())
    }

    fn error(kind: Kind) -> Result<Option<u32>, UnitError> {
        Err(UnitError::new(kind, "no"))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_seen_yet_is_waited_for() {
        for unseen in [|| Ok(None), || error(Kind::Vanished)] {
            let (found, reads) = after(5, unseen).await;
            assert_eq!((found.unwrap(), reads), (7, 6));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_shows_is_an_error_after_a_minute() {
        let started = Instant::now();
        let (found, _) = after(u32::MAX, || Ok(None)).await;
        let error = found.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::Inconsistent, "it was made but is not found")
        );
        assert!((60..70).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_failure_is_one() {
        let (found, reads) = after(1, || error(Kind::Denied)).await;
        assert_eq!((found.unwrap_err().kind, reads), (Kind::Denied, 1));
    }
}

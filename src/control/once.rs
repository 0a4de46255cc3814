//! Reads that several controls have in common: while planning, each is made once for an account and region.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::{BoxFuture, Cx};
use crate::aws::Clients;
use crate::error::{Kind, UnitError};

/// Account, region, and what is read.
type Place = (String, String, String);
/// One answer, whoever asked first.
type Slot = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// The answers of one run.
#[derive(Default)]
pub struct Once(Mutex<HashMap<Place, Slot>>);

impl Once {
    fn slot(&self, place: Place) -> Slot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default().clone()
    }
}

impl Cx<'_> {
    /// What `read` answers in the clients' account and region; `what` names it, and stands for one type. While planning it
    /// is asked once, for all controls that want to know; while applying, each time, as the answer may have changed. Each
    /// of these controls declares the operations.
    ///
    /// # Errors
    /// Those of `read`; then the next control asks again.
    pub fn once<'a, T, F, E>(&'a self, what: &'a str, read: F) -> BoxFuture<'a, Result<Arc<T>, UnitError>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'a,
        UnitError: From<E>,
    {
        self.once_at(self.aws, what, read)
    }

    /// The same in another account or region: that of `there`. Boxed, as an SDK call is large.
    ///
    /// # Errors
    /// As `once`.
    pub fn once_at<'a, T, F, E>(
        &'a self,
        there: &'a Clients,
        what: &'a str,
        read: F,
    ) -> BoxFuture<'a, Result<Arc<T>, UnitError>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'a,
        UnitError: From<E>,
    {
        Box::pin(async move {
            if self.fresh {
                return Ok(Arc::new(read.await?));
            }
            let slot =
                self.once.slot((there.account().to_owned(), there.region().to_owned(), what.to_owned()));
            let answer = slot.get_or_try_init(|| async {
                let answer: Arc<dyn Any + Send + Sync> = Arc::new(read.await?);
                Ok::<_, UnitError>(answer)
            });
            let other_type = || UnitError::new(Kind::Bug, format!("`{what}` is read as two types"));
            Arc::clone(answer.await?).downcast::<T>().map_err(|_| other_type())
        })
    }
}

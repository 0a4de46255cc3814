//! A progress bar on a terminal, nothing off it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::units::{OutcomeKind, Progress};

/// Units done, counts per outcome and an estimate, on stderr.
pub struct Bar {
    bar: ProgressBar,
    counts: Mutex<BTreeMap<OutcomeKind, usize>>,
}

impl Bar {
    /// A bar over `units`; hidden where `shown` is false.
    pub fn new(what: &'static str, units: usize, shown: bool) -> Bar {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(units as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} eta {eta}") {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Bar { bar, counts: Mutex::default() }
    }
}

impl Progress for Bar {
    fn done(&self, outcome: OutcomeKind) {
        self.bar.inc(1);
        if self.bar.is_hidden() {
            return;
        }
        if let Ok(mut counts) = self.counts.lock() {
            *counts.entry(outcome).or_default() += 1;
            let text: Vec<String> = counts.iter().map(|(o, n)| format!("{n} {}", o.name())).collect();
            self.bar.set_message(text.join(", "));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

//! Who watches a run.

use kernel::cascade::CascadeOutput;
use kernel::messages::SubmitIntent;
use kernel::strategy::Indicator;
use model::{Amount, OrderEvent, StrategyId, Timestamp};
use report::run::ReportError;

use crate::plan::Machines;

/// Notes what happens in a run. All of it may be passed over.
pub trait Watcher {
    /// Something happened, at the time of the machines' clock.
    ///
    /// # Errors
    /// What ends the run.
    fn output(&mut self, output: &CascadeOutput, machines: &Machines) -> Result<(), WatchError> {
        match output {
            CascadeOutput::Intended(wanted) => self.intended(wanted, machines),
            CascadeOutput::Order { strategy, event, fee_in_quote } => {
                self.order_event(*strategy, event, *fee_in_quote, machines)
            }
            CascadeOutput::Note { .. }
            | CascadeOutput::StrategyFailed { .. }
            | CascadeOutput::StateChanged { .. }
            | CascadeOutput::RuleTripped { .. }
            | CascadeOutput::EquitySampled { .. }
            | CascadeOutput::FeeUnvalued { .. }
            | CascadeOutput::TradeClosed(_)
            | CascadeOutput::Reconciled { .. }
            | CascadeOutput::Detached { .. }
            | CascadeOutput::BalanceMoved { .. }
            | CascadeOutput::ExternalFilled { .. }
            | CascadeOutput::InstrumentHalted { .. } => Ok(()),
        }
    }

    /// A strategy wants something: what [`Self::output`] makes of that, unless it is overridden.
    ///
    /// # Errors
    /// What ends the run.
    fn intended(&mut self, _wanted: &SubmitIntent, _machines: &Machines) -> Result<(), WatchError> {
        Ok(())
    }

    /// Something happened to an order: what [`Self::output`] makes of that, unless it is
    /// overridden.
    ///
    /// # Errors
    /// What ends the run.
    fn order_event(
        &mut self,
        _strategy: StrategyId,
        _event: &OrderEvent,
        _fee_in_quote: Amount,
        _machines: &Machines,
    ) -> Result<(), WatchError> {
        Ok(())
    }

    /// A strategy published a value. Only of runs that were told to [`super::Run::publishing`].
    ///
    /// # Errors
    /// What ends the run.
    fn indicator(
        &mut self,
        _strategy: StrategyId,
        _indicator: &Indicator,
        _machines: &Machines,
    ) -> Result<(), WatchError> {
        Ok(())
    }

    /// When [`Self::sample`] is due next, by the time of events; never, if `None`.
    fn sample_at(&self) -> Option<Timestamp> {
        None
    }

    /// The time that was asked for has come, and something is about to happen at `now`: the
    /// machines stand as of all that happened before, the last of it at their own
    /// [`now`](kernel::cascade::Cascade::now).
    ///
    /// # Errors
    /// What ends the run.
    fn sample(&mut self, _now: Timestamp, _machines: &Machines) -> Result<(), WatchError> {
        Ok(())
    }

    /// An event, or a timer, and all that followed from it is over. Called for each: whoever
    /// listens has a few instructions' time.
    ///
    /// # Errors
    /// What ends the run.
    #[inline]
    fn settled(&mut self, _machines: &Machines) -> Result<(), WatchError> {
        Ok(())
    }

    /// The run is over, and not empty.
    ///
    /// # Errors
    /// What can't be noted.
    fn ended(&mut self, _machines: &Machines) -> Result<(), WatchError> {
        Ok(())
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn output(&mut self, _: &CascadeOutput, _: &Machines) -> Result<(), WatchError> {
        Ok(())
    }
}

/// Perhaps somebody watches.
impl<W: Watcher> Watcher for Option<W> {
    fn output(&mut self, output: &CascadeOutput, machines: &Machines) -> Result<(), WatchError> {
        self.as_mut().map_or(Ok(()), |watcher| watcher.output(output, machines))
    }
    fn indicator(
        &mut self,
        strategy: StrategyId,
        indicator: &Indicator,
        machines: &Machines,
    ) -> Result<(), WatchError> {
        self.as_mut().map_or(Ok(()), |watcher| watcher.indicator(strategy, indicator, machines))
    }
    fn sample_at(&self) -> Option<Timestamp> {
        self.as_ref().and_then(W::sample_at)
    }
    fn sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), WatchError> {
        self.as_mut().map_or(Ok(()), |watcher| watcher.sample(now, machines))
    }
    #[inline]
    fn settled(&mut self, machines: &Machines) -> Result<(), WatchError> {
        self.as_mut().map_or(Ok(()), |watcher| watcher.settled(machines))
    }
    fn ended(&mut self, machines: &Machines) -> Result<(), WatchError> {
        self.as_mut().map_or(Ok(()), |watcher| watcher.ended(machines))
    }
}

/// Two watch, each asked at the times of both.
impl<A: Watcher, B: Watcher> Watcher for (A, B) {
    fn output(&mut self, output: &CascadeOutput, machines: &Machines) -> Result<(), WatchError> {
        self.0.output(output, machines)?;
        self.1.output(output, machines)
    }
    fn indicator(
        &mut self,
        strategy: StrategyId,
        indicator: &Indicator,
        machines: &Machines,
    ) -> Result<(), WatchError> {
        self.0.indicator(strategy, indicator, machines)?;
        self.1.indicator(strategy, indicator, machines)
    }
    fn sample_at(&self) -> Option<Timestamp> {
        self.0.sample_at().into_iter().chain(self.1.sample_at()).min()
    }
    fn sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), WatchError> {
        self.0.sample(now, machines)?;
        self.1.sample(now, machines)
    }
    #[inline]
    fn settled(&mut self, machines: &Machines) -> Result<(), WatchError> {
        self.0.settled(machines)?;
        self.1.settled(machines)
    }
    fn ended(&mut self, machines: &Machines) -> Result<(), WatchError> {
        self.0.ended(machines)?;
        self.1.ended(machines)
    }
}

/// A watcher can't go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// What happened does not fit into a report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A file of an export can't be written.
    #[error("the export can't be written: {0}")]
    Export(#[from] std::io::Error),
}

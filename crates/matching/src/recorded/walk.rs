//! How a bar stands in for trades.

use model::{Bar, Interval, Quantity, Side, Timestamp, Trade, TradeId};

/// A point of a bar's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Point {
    /// Its first price.
    Open,
    /// Its lowest, or its highest.
    Extreme,
    /// Its last.
    Close,
    /// No point of a bar: a trade, since which time has passed.
    Past,
}

/// What a point has instead of the number of a trade.
const NUMBERS: [(Point, TradeId); 3] = [
    (Point::Open, TradeId(i64::MIN)),
    (Point::Extreme, TradeId(i64::MIN + 1)),
    (Point::Close, TradeId(i64::MIN + 2)),
];

/// How far the newest bar has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walk {
    /// The shortest that has come.
    interval: Option<Interval>,
    /// The bar whose opening was told before the rest of it.
    opened: Option<Timestamp>,
    reached: Option<Point>,
}

impl Walk {
    /// Which point a trade stands for; `None` for a real one.
    #[inline]
    pub(super) fn point(id: TradeId) -> Option<Point> {
        if id.0 > NUMBERS[2].1.0 {
            return None;
        }
        NUMBERS.iter().find(|(_, number)| *number == id).map(|(point, _)| *point)
    }

    pub(super) const fn reach(&mut self, point: Point) {
        self.reached = Some(point);
    }

    /// There are trades now.
    #[inline]
    pub(super) const fn leave(&mut self) {
        self.reached = None;
    }

    /// Time has passed since the newest trade.
    pub(super) const fn pass(&mut self) {
        self.reached = Some(Point::Past);
    }

    /// Whether time has passed since the newest trade.
    pub(super) const fn is_past(&self) -> bool {
        matches!(self.reached, Some(Point::Past))
    }

    /// Whether a bar is under way.
    pub(super) const fn is_within(&self) -> bool {
        matches!(self.reached, Some(Point::Open | Point::Extreme))
    }

    /// Whether the newest bar is over, and no other has opened.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.reached, Some(Point::Close))
    }

    /// Whether the newest bar is past its opening.
    pub(super) const fn is_under_way(&self) -> bool {
        matches!(self.reached, Some(Point::Extreme | Point::Close))
    }

    /// The points of a bar that are still to come, each with a quarter of its volume.
    pub(super) fn points(
        &mut self,
        bar: &Bar,
        with_volume: bool,
    ) -> impl Iterator<Item = Trade> + use<> {
        let is_longer = self.interval.is_some_and(|shortest| shortest < bar.interval);
        let points = if is_longer { [None; 4] } else { self.points_of(bar, with_volume) };
        points.into_iter().flatten()
    }

    fn points_of(&mut self, bar: &Bar, with_volume: bool) -> [Option<Trade>; 4] {
        self.interval = Some(bar.interval);
        let quarter = Quantity::from_units(bar.volume.units() / 4);
        let quantity = if with_volume { quarter } else { Quantity::ZERO };
        let has_only_opened = bar.has_only_opened();
        let event_at = if has_only_opened { bar.open_at } else { bar.close_at() };
        let point = |(price, point): (model::Price, Point)| Trade {
            instrument: bar.instrument,
            id: NUMBERS[point as usize].1,
            price,
            quantity,
            aggressor: Side::Buy,
            event_at,
            received_at: bar.received_at,
        };
        let open = point((bar.open, Point::Open));
        let was_opened = self.opened.take() == Some(bar.open_at);
        if has_only_opened {
            self.opened = Some(bar.open_at);
            return [Some(open), None, None, None];
        }
        [
            (!was_opened).then_some(open),
            Some(point((bar.low, Point::Extreme))),
            Some(point((bar.high, Point::Extreme))),
            Some(point((bar.close, Point::Close))),
        ]
    }
}

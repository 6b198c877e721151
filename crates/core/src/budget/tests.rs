//! Spend never passes the limit: random interleavings of calls, commits and crashes.
//!
//! The world keeps its own books: what vendors really billed, also for calls whose answer a crash
//! swallowed. The ledger must never let that sum pass the limit. A planted fault shows that the
//! simulation would notice.

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;

const CALLS: usize = 32;

#[derive(Debug, Clone)]
enum Move {
    /// A call starts whose worst case and share of it really used (in 256ths) are given.
    Start {
        worst: u64,
        used: u8,
    },
    /// The call in this slot ends, with or without a usage report.
    End {
        slot: usize,
    },
    EndUnknown {
        slot: usize,
    },
    /// What is live becomes durable.
    Commit,
    /// The process dies and recovers from what is durable.
    Crash,
}

/// What recovery does with the advance of the process that died.
#[derive(Debug, Clone, Copy)]
enum Recovers {
    /// As the ledger means it.
    Charging,
    /// The planted fault: as if nothing had been used of it.
    Forgetting,
}

struct World {
    live: Ledger,
    durable: Ledger,
    in_flight: Vec<(Reservation, u64)>,
    billed: u64,
}

impl World {
    fn new(limit: u64) -> Self {
        let limits = Limits { usd: Some(limit), ..Limits::none() };
        let ledger = Ledger::new(limits);
        Self { live: ledger.clone(), durable: ledger, in_flight: Vec::new(), billed: 0 }
    }

    fn make(&mut self, step: &Move, recovers: Recovers) {
        match *step {
            Move::Start { worst, used } => self.start(worst, used),
            Move::End { slot } if slot < self.in_flight.len() => {
                let (reservation, used) = self.in_flight.swap_remove(slot);
                self.live.settle(reservation, &Settlement::known(usd(used)));
            }
            Move::EndUnknown { slot } if slot < self.in_flight.len() => {
                let (reservation, _) = self.in_flight.swap_remove(slot);
                let worst = reservation.worst();
                self.live.settle(reservation, &Settlement::unknown(worst));
            }
            Move::End { .. } | Move::EndUnknown { .. } => {}
            Move::Commit => self.commit(),
            Move::Crash => self.crash(recovers),
        }
    }

    fn start(&mut self, worst: u64, used: u8) {
        if self.in_flight.len() == CALLS {
            return;
        }
        let mut reserved = self.live.reserve(&usd(worst));
        if reserved == Err(Refusal::AdvanceFirst) {
            let wished = usd(worst.saturating_mul(8));
            self.live.advance(&usd(worst), &wished).unwrap();
            self.commit();
            reserved = self.live.reserve(&usd(worst));
        }
        if let Ok(reservation) = reserved {
            let used = worst * u64::from(used) / 255;
            self.billed += used;
            self.in_flight.push((reservation, used));
        }
    }

    /// What is durable is what a fold of the journal knows: nothing of calls in flight.
    fn commit(&mut self) {
        self.durable = through_json(&self.live);
    }

    fn crash(&mut self, recovers: Recovers) {
        self.in_flight.clear();
        self.live = self.durable.clone();
        match recovers {
            Recovers::Charging => drop(self.live.charge_unknown()),
            Recovers::Forgetting => self.live.release_advance(),
        }
        self.commit();
    }

    fn committed(&self, dimension: Dimension) -> u64 {
        self.live.total_spent().get(dimension) + self.live.reserved(dimension)
    }

    fn holds(&self, limit: u64) -> bool {
        self.billed <= self.committed(Dimension::Usd) && self.committed(Dimension::Usd) <= limit
    }
}

fn usd(micros: u64) -> Spend {
    Spend { usd: micros, ..Spend::ZERO }
}

fn through_json(ledger: &Ledger) -> Ledger {
    serde_json::from_str(&serde_json::to_string(ledger).unwrap()).unwrap()
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let slot = 0..CALLS;
    let step = prop_oneof![
        8 => (0..400_u64, any::<u8>()).prop_map(|(worst, used)| Move::Start { worst, used }),
        6 => slot.clone().prop_map(|slot| Move::End { slot: slot % 4 }),
        1 => slot.prop_map(|slot| Move::EndUnknown { slot }),
        2 => Just(Move::Commit),
        1 => Just(Move::Crash),
    ];
    proptest::collection::vec(step, 0..200)
}

fn plays_within(limit: u64, moves: &[Move], recovers: Recovers) -> bool {
    let mut world = World::new(limit);
    moves.iter().all(|step| {
        world.make(step, recovers);
        world.holds(limit)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_interleaving_of_32_calls_and_crashes_passes_the_limit(limit in 0..5_000_u64, moves in moves()) {
        prop_assert!(plays_within(limit, &moves, Recovers::Charging));
    }

    #[test]
    fn children_never_get_more_than_the_parent(
        limit in 0..1_000_u64,
        asked in proptest::collection::vec((0..600_u64, any::<bool>(), 0..600_u64), 1..20),
    ) {
        let mut parent = Ledger::new(Limits { usd: Some(limit), ..Limits::none() });
        let mut spent = 0;
        for (i, (usd_limit, ends, used)) in asked.into_iter().enumerate() {
            let holder = format!("child {i}");
            let wanted = Limits { usd: Some(usd_limit), ..Limits::none() };
            let Ok(granted) = parent.allot(&holder, &wanted) else { continue };
            if ends {
                let used = used.min(granted.usd.unwrap());
                spent += used;
                parent.settle_allotment(&holder, &Settlement::known(usd(used)));
            }
            let total = parent.total_spent().usd + parent.reserved(Dimension::Usd);
            prop_assert!(total <= limit, "{} of {}", total, limit);
        }
        prop_assert_eq!(parent.spent().usd, spent);
    }
}

#[test]
fn the_simulation_notices_a_recovery_that_forgets_the_advance() {
    let found = TestRunner::deterministic().run(&(0..5_000_u64, moves()), |(limit, moves)| {
        prop_assert!(plays_within(limit, &moves, Recovers::Forgetting));
        Ok(())
    });
    assert!(found.is_err());
}

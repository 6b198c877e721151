//! Many workers, one cap: whatever they do in whatever order, it is never passed.

use proptest::{prelude::*, test_runner::TestRunner};

use super::{Chunk, Tally};
use crate::budget::{Dimension, Limits, Spend};

const WORKERS: usize = 6;

/// Whether a lease is counted as given out. `Forgets` is the planted fault.
#[derive(Clone, Copy)]
enum Store {
    Counts,
    Forgets,
}

#[derive(Debug, Clone)]
enum Move {
    /// A call that could use `worst` and uses `used` 255ths of it.
    Call { who: usize, worst: Spend, used: u8 },
    /// The first call in flight ends.
    End { who: usize },
    /// The worker gives back what it does not hold.
    Report { who: usize },
    /// The worker dies with what it holds, and another comes in its place.
    Die { who: usize },
}

#[derive(Default)]
struct Worker {
    lease: Tally,
    chunk: Chunk,
    in_flight: Vec<(Spend, Spend)>,
}

struct World {
    limits: Limits,
    account: Tally,
    workers: Vec<Worker>,
    /// What all calls used, those of dead workers in full.
    used: Spend,
    store: Store,
}

impl World {
    fn new(limits: Limits, store: Store) -> Self {
        let workers = (0..WORKERS).map(|_| Worker::default()).collect();
        Self { limits, account: Tally::default(), workers, used: Spend::ZERO, store }
    }

    fn make(&mut self, step: &Move) {
        match *step {
            Move::Call { who, worst, used } => self.call(who, worst, used),
            Move::End { who } => self.end(who),
            Move::Report { who } => {
                let worker = &mut self.workers[who];
                let keep = worker.chunk.give_back();
                self.account.report(&mut worker.lease, &worker.chunk.spent(), &keep);
            }
            Move::Die { who } => {
                let dead = std::mem::take(&mut self.workers[who]);
                for (worst, _) in dead.in_flight {
                    self.used = self.used.plus(&worst);
                }
            }
        }
    }

    fn call(&mut self, who: usize, worst: Spend, used: u8) {
        let worker = &mut self.workers[who];
        if !worker.chunk.hold(&worst) {
            let (need, spent) = (worker.chunk.needed(&worst), worker.chunk.spent());
            let mut forgotten = self.account;
            let account = match self.store {
                Store::Counts => &mut self.account,
                Store::Forgets => &mut forgotten,
            };
            if account.lease(&mut worker.lease, &self.limits, &spent, &need).is_err() {
                return;
            }
            worker.chunk.grant(&worker.lease.granted);
            assert!(worker.chunk.hold(&worst), "what was asked for is there");
        }
        let really = Spend::by(|d| worst.get(d) * u64::from(used) / 255);
        worker.in_flight.push((worst, really));
    }

    fn end(&mut self, who: usize) {
        let worker = &mut self.workers[who];
        if worker.in_flight.is_empty() {
            return;
        }
        let (worst, used) = worker.in_flight.remove(0);
        worker.chunk.settle(&used, &worst);
        self.used = self.used.plus(&used);
    }

    fn holds(&self) -> bool {
        let in_flight = self.workers.iter().flat_map(|worker| &worker.in_flight);
        let all = in_flight.fold(self.used, |all, (worst, _)| all.plus(worst));
        Dimension::summed().all(|dimension| {
            let Some(limit) = self.limits.get(dimension) else { return true };
            let given = self.account.granted.get(dimension);
            all.get(dimension) <= given.max(self.account.spent.get(dimension)) && given <= limit
        })
    }
}

fn worst() -> impl Strategy<Value = Spend> {
    (0..300_u64, 0..60_u64, 0..60_u64).prop_map(|(usd, input_tokens, output_tokens)| Spend {
        usd,
        input_tokens,
        output_tokens,
        model_calls: 1,
        ..Spend::ZERO
    })
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        8 => (0..WORKERS, worst(), any::<u8>())
            .prop_map(|(who, worst, used)| Move::Call { who, worst, used }),
        6 => (0..WORKERS).prop_map(|who| Move::End { who }),
        2 => (0..WORKERS).prop_map(|who| Move::Report { who }),
        1 => (0..WORKERS).prop_map(|who| Move::Die { who }),
    ];
    proptest::collection::vec(step, 0..200)
}

fn limits() -> impl Strategy<Value = Limits> {
    (0..6_000_u64, proptest::option::of(0..900_u64), proptest::option::of(0..60_u64)).prop_map(
        |(usd, tokens, model_calls)| Limits {
            usd: Some(usd),
            tokens,
            model_calls,
            ..Limits::none()
        },
    )
}

fn plays_within(limits: Limits, moves: &[Move], store: Store) -> bool {
    let mut world = World::new(limits, store);
    moves.iter().all(|step| {
        world.make(step);
        world.holds()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_interleaving_of_leases_reports_and_deaths_passes_a_cap(limits in limits(), moves in moves()) {
        prop_assert!(plays_within(limits, &moves, Store::Counts));
    }
}

#[test]
fn the_simulation_notices_a_lease_that_is_not_counted() {
    let found = TestRunner::deterministic().run(&(limits(), moves()), |(limits, moves)| {
        prop_assert!(plays_within(limits, &moves, Store::Forgets));
        Ok(())
    });
    assert!(found.is_err());
}

fn usd(usd: u64) -> Spend {
    Spend { usd, ..Spend::ZERO }
}

#[test]
fn a_chunk_is_what_is_needed_and_a_share_of_the_rest() {
    let limits = Limits { usd: Some(1_000), ..Limits::none() };
    let (mut account, mut one, mut other) = (Tally::default(), Tally::default(), Tally::default());
    account.lease(&mut one, &limits, &Spend::ZERO, &usd(200)).unwrap();
    assert_eq!(one.granted, usd(200 + 800 / 8));
    account.lease(&mut other, &limits, &Spend::ZERO, &usd(700)).unwrap();
    assert_eq!((other.granted, account.granted), (usd(700), usd(1_000)));
    let refused = account.lease(&mut one, &limits, &usd(300), &usd(301)).unwrap_err();
    assert_eq!((refused.limit, refused.spent, refused.asked), (1_000, 1_000, 1));
    assert_eq!(account.spent, usd(300), "what was spent is counted although nothing was given");
}

#[test]
fn a_total_is_shared_by_its_parts() {
    let limits = Limits { tokens: Some(1_600), ..Limits::none() };
    let (mut account, mut one) = (Tally::default(), Tally::default());
    account.lease(&mut one, &limits, &Spend::ZERO, &Spend::ZERO).unwrap();
    let wanted = Spend { input_tokens: 100, output_tokens: 100, ..Spend::ZERO };
    assert_eq!(one.granted, wanted);
}

#[test]
fn what_was_given_back_is_there_for_others_and_what_was_spent_is_not() {
    let limits = Limits { usd: Some(100), ..Limits::none() };
    let (mut account, mut one, mut other) = (Tally::default(), Tally::default(), Tally::default());
    account.lease(&mut one, &limits, &Spend::ZERO, &usd(100)).unwrap();
    assert!(account.lease(&mut other, &limits, &Spend::ZERO, &usd(1)).is_err());
    account.report(&mut one, &usd(30), &usd(10));
    assert_eq!((one.granted, account.granted), (usd(30), usd(30)));
    account.report(&mut one, &usd(30), &usd(90));
    assert_eq!(account.granted, usd(30), "a report gives nothing out");
    account.lease(&mut other, &limits, &Spend::ZERO, &usd(70)).unwrap();
}

#[test]
fn a_vendor_that_bills_more_than_the_worst_case_is_counted_in_full() {
    let limits = Limits { usd: Some(100), ..Limits::none() };
    let (mut account, mut one) = (Tally::default(), Tally::default());
    account.lease(&mut one, &limits, &Spend::ZERO, &usd(10)).unwrap();
    account.report(&mut one, &usd(150), &Spend::ZERO);
    assert_eq!((account.granted, account.spent), (usd(150), usd(150)));
}

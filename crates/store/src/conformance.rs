//! Does a store do what the protocol says? One suite for every implementation.
//!
//! A behaviour is an async function over a [`World`] that returns what went wrong, as a sentence;
//! [`store_conformance!`](crate::store_conformance) makes a test of each. They return a
//! [`Failure`] instead of panicking, so that the suite itself can be tested: a store with a planted
//! fault must fail at least one of them.
//!
//! ```ignore
//! async fn fresh(clock: Arc<ManualClock>) -> Subject { … }
//! mainstay_store::store_conformance!(sqlite, fresh);
//! ```

mod allowance;
mod claiming;
pub mod differential;
mod draw;
mod fencing;
mod listing;
pub mod local;
mod messages;
mod owner;
mod parking;
mod payloads;
mod reviews;
mod sessions;
mod starting;
mod weeks;
mod world;

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use mainstay_core::{
    port::Clock,
    store::{Store, StoreError},
    time::Timestamp,
};

pub use self::{draw::Draw, owner::Owner, world::World};

/// A fresh, migrated, empty store that follows `clock`.
pub struct Subject {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Whatever must live as long as the store: a folder, a server.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// A clock that stands still until it is told.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_790_000_000_000_000))
    }
}

impl ManualClock {
    /// Moves the clock.
    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn boot(&self) -> Duration {
        self.now().since(Timestamp::default())
    }

    async fn sleep(&self, span: Duration) {
        self.advance(span);
    }
}

/// What a store did that it must not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(format!("unexpected error: {error}"))
    }
}

/// Whether a store behaves.
pub type Verdict = Result<(), Failure>;

/// Says what was expected if two values differ.
///
/// # Errors
/// They differ.
pub fn equal<T: PartialEq + fmt::Debug>(what: &str, got: T, want: T) -> Verdict {
    if got == want {
        Ok(())
    } else {
        Err(Failure(format!("{what}\n   got {got:?}\n  want {want:?}")))
    }
}

/// Says what was expected if it is not so.
///
/// # Errors
/// It is not so.
pub fn holds(what: &str, so: bool) -> Verdict {
    if so { Ok(()) } else { Err(Failure(what.to_owned())) }
}

fn absent(what: &str) -> Failure {
    Failure(format!("{what} is missing"))
}

async fn joined<T>(task: tokio::task::JoinHandle<T>) -> Result<T, Failure> {
    task.await.map_err(|error| Failure(format!("a task ended abnormally: {error}")))
}

/// One thing every store does.
pub type Behaviour = fn(World) -> BoxFuture<'static, Verdict>;

macro_rules! behaviours {
    ($d:tt $($module:ident { $($name:ident)* })*) => {
        /// Every behaviour by name, in reading order.
        pub const BEHAVIOURS: &[(&str, Behaviour)] = &[
            $($((stringify!($name), |world| Box::pin($module::$name(world))),)*)*
        ];

        /// Makes a test of each behaviour, in a module of the given name.
        ///
        /// The second argument names an async function from an `Arc<ManualClock>` to a
        /// [`Subject`](crate::conformance::Subject).
        #[macro_export]
        macro_rules! store_conformance {
            ($d name:ident, $d make:path) => {
                mod $d name {
                    use super::*;
                    $($(
                        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                        async fn $name() {
                            let clock = std::sync::Arc::<$crate::conformance::ManualClock>::default();
                            let subject = $d make(clock).await;
                            let verdict = $crate::conformance::check(stringify!($name), subject);
                            if let Err(failure) = verdict.await {
                                panic!("{failure}");
                            }
                        }
                    )*)*
                }
            };
        }
    };
}

behaviours! { $
    starting {
        a_new_run_is_queued_with_its_first_row
        a_start_counts_once_per_key
        a_key_with_another_input_is_a_conflict
        a_start_counts_once_per_id
        one_key_in_two_tenants_starts_two_runs
        a_refused_start_leaves_nothing
        of_racing_starts_with_one_key_one_wins
        a_run_begins_with_its_created_entry
    }
    claiming {
        a_claim_appends_its_row_and_hands_over_the_run
        a_claim_takes_only_from_its_lanes
        a_claim_may_name_its_run
        urgent_runs_go_first_then_those_that_waited_longest
        a_claim_takes_no_more_than_its_nonces
        racing_claims_never_share_a_run
        a_session_that_may_not_drive_gets_nothing
        a_run_that_crashed_twice_is_claimed_alone
        a_claim_loads_from_the_checkpoint
        a_claim_hands_over_messages_the_run_has_not_read
    }
    fencing {
        an_append_continues_the_journal
        an_append_onto_another_head_is_fenced
        a_zombie_is_fenced_after_a_newer_claim
        a_repeated_append_finds_its_own_link
        of_racing_appends_on_one_head_one_wins
        each_part_of_a_commit_is_judged_by_itself
        rows_must_follow_without_a_gap
        nothing_follows_the_end_of_ownership
        the_last_entry_and_the_row_change_together
        an_owner_that_was_taken_over_cannot_park
        a_refused_part_leaves_nothing
        many_runs_share_a_commit
    }
    parking {
        a_parked_run_is_held_by_nobody
        a_message_before_the_park_prevents_it
        a_message_after_the_park_wakes_the_run
        no_wake_up_is_lost_in_a_race
        a_run_that_waits_for_all_wakes_once
        an_urgent_message_wakes_a_run_that_waits_for_all
        a_released_run_is_queued_again
        runs_that_one_commit_gives_back_stand_in_its_order
        a_run_cannot_end_while_a_message_is_unread
        an_ended_run_has_its_status_and_no_owner
        a_moved_run_waits_in_its_new_lane
    }
    messages {
        a_message_counts_once_per_key
        an_ended_or_unknown_run_takes_no_message
        racing_messages_get_places_without_gaps
        of_racing_messages_with_one_key_one_counts
        a_message_keeps_its_payloads
        a_message_with_a_zero_character_is_refused
        a_due_timer_becomes_a_message
        a_timer_is_replaced_and_dropped
        timers_end_with_their_run
        racing_scanners_fire_a_timer_once
        messages_to_others_stay_until_they_are_delivered
    }
    sessions {
        a_beat_extends_the_lease
        a_beat_after_expiry_is_lost_for_good
        a_beat_after_revocation_is_lost_and_moves_no_lease
        a_takeover_needs_a_revocation
        after_an_early_takeover_only_reads_are_launched_until_the_lease_has_passed
        a_takeover_that_waited_or_has_proof_restricts_nothing
        crashes_count_until_the_run_makes_progress
        a_closed_session_returns_its_runs_without_a_crash
        a_beat_names_the_runs_whose_inbox_moved
        sessions_are_listed_with_what_they_hold
    }
    reviews {
        a_review_opens_with_its_commit
        of_racing_decisions_one_counts
        a_decision_is_bound_to_what_was_shown
        a_closed_review_cannot_be_decided
        reviews_of_an_ended_run_are_closed
        reviews_are_found_by_age_run_and_prefix
    }
    payloads {
        payloads_of_every_size_read_back
        a_payload_that_is_gone_is_left_out
        tenants_never_see_each_others_payloads
    }
    listing {
        the_list_follows_the_runs
        the_list_is_filtered
        the_list_can_be_built_anew
        runs_are_found_by_prefix
        nothing_is_unexplained_while_there_is_a_reason
        a_run_without_a_wake_source_is_unexplained
        a_flow_version_is_known_once
        a_store_says_what_it_is
    }
    weeks {
        a_run_that_moved_goes_on_under_its_new_id
        an_id_that_moved_leads_to_the_run
        what_a_run_waits_for_moves_with_it
        only_a_run_at_rest_as_it_was_seen_is_moved
        a_run_that_moved_is_not_started_again
        payloads_are_lent_to_the_new_id
        no_message_is_lost_to_a_move
        a_duty_has_one_holder_at_a_time
        an_old_week_is_dropped_as_a_whole
        a_week_goes_in_bounded_pieces
        a_key_leads_to_a_run_whose_week_is_gone
        there_is_room_before_a_week_begins
    }
    allowance {
        a_chunk_is_counted_as_it_is_given
        a_lease_that_does_not_fit_is_refused_and_changes_nothing
        a_repeated_lease_or_report_counts_nothing_twice
        what_a_dead_worker_did_not_report_counts_as_spent
        a_session_that_expired_gets_and_gives_nothing
        a_closed_session_keeps_what_it_did_not_return
        a_new_period_is_a_new_account
        what_was_given_up_as_lost_and_comes_late_is_refused
        racing_leases_never_pass_the_cap
    }
}

/// Asks a fresh store for one behaviour.
///
/// # Errors
/// It does not behave, or there is no behaviour of that name.
pub async fn check(name: &str, subject: Subject) -> Verdict {
    let behaviour = BEHAVIOURS.iter().find(|(known, _)| *known == name);
    let (_, behaviour) = behaviour.ok_or_else(|| absent(name))?;
    behaviour(World::new(subject)).await
}

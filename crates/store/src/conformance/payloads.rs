//! Payloads: small ones in their row, large ones once, all of them as they were given.

use mainstay_core::{
    digest::Digest,
    payload::{INLINE_LIMIT, Payload},
    store::operation::{JournalRequest, PayloadRequest},
};

use super::{Owner, Verdict, World, equal, holds, world::lane};

/// Bytes that do not compress to nothing, so that a store cannot hide behind its compression.
fn noise(len: usize, seed: u64) -> Payload {
    let mut state = seed.wrapping_mul(2) + 1;
    let byte = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    Payload::from_bytes((0..len).map(byte).collect::<Vec<_>>())
}

pub(super) async fn payloads_of_every_size_read_back(world: World) -> Verdict {
    const BIG: usize = 5_000_000;
    let mut owner = world.owned().await?;
    let sizes = [0, 1, 100, INLINE_LIMIT - 1, INLINE_LIMIT, INLINE_LIMIT + 1, 70_000, BIG];
    for (len, seed) in sizes.into_iter().zip(0..) {
        let payload = noise(len, seed);
        let position = owner.head.position + 1;
        owner.accept(&*world.store, owner.step_with(&payload)?).await?;
        let run_id = owner.run_id;
        let wanted = vec![(payload.digest(), position)];
        let found = world.store.payloads(PayloadRequest { run_id, wanted }).await?;
        holds(&format!("{len} bytes read back"), found == vec![payload.clone()])?;
        let row = JournalRequest { run_id, from: position, limit: 1 };
        let rows = world.store.journal(row).await?;
        let inline = rows.iter().flat_map(|row| &row.payloads).any(|kept| *kept == payload);
        equal(&format!("{len} bytes stand in the row"), inline, len <= INLINE_LIMIT)?;
    }
    Ok(())
}

pub(super) async fn a_payload_that_is_gone_is_left_out(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let (small, large) = (noise(10, 1), noise(9_000, 2));
    owner.accept(&*world.store, owner.step_with(&small)?).await?;
    owner.accept(&*world.store, owner.step_with(&large)?).await?;
    let gone = Digest::of(b"gone");
    let wanted = vec![(large.digest(), 4), (gone, 3), (small.digest(), 3), (small.digest(), 4)];
    let request = PayloadRequest { run_id: owner.run_id, wanted };
    let found = world.store.payloads(request).await?;
    holds("the rest, in the order wanted", found == vec![large.clone(), small])?;
    let unknown = PayloadRequest { run_id: world.run_id(), wanted: vec![(large.digest(), 1)] };
    equal("of an unknown run", world.store.payloads(unknown).await?, vec![])
}

pub(super) async fn tenants_never_see_each_others_payloads(world: World) -> Verdict {
    let mut ours = world.owned().await?;
    let secret = noise(9_000, 3);
    ours.accept(&*world.store, ours.step_with(&secret)?).await?;
    let run_id = world.start(world.new_run_of(&lane("desk"), "globex")?).await?;
    let theirs = Owner::of(&world.claim(world.open().await?).await?);
    equal("their run", theirs.run_id, run_id)?;
    let wanted = vec![(secret.digest(), 1), (secret.digest(), 3)];
    let found = world.store.payloads(PayloadRequest { run_id, wanted }).await?;
    holds("whoever knows a digest of another tenant gets nothing", found.is_empty())
}

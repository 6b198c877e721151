//! What a person's leave for a call is bound to.
//!
//! Whoever approves sees one call with all its bytes. If anything that was shown or that decided
//! differs when the call is to be made, it is another call, and nobody approved that.

use serde::Serialize;

use crate::{
    digest::{Digest, NotCanonical, canonical},
    label::Label,
    policy::PlanSlot,
    tool::ToolSpec,
};

/// Everything that an approval is bound to.
#[derive(Debug, Clone, Serialize)]
pub struct Bound<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// The hash of all that it declares, its schemas too.
    pub spec: Digest,
    /// The digest of the arguments as canonical JSON.
    pub arguments: Digest,
    /// The hash of the policy's bundle.
    pub policy: Digest,
    /// Where the call stands in a plan.
    pub slot: Option<&'a PlanSlot>,
    /// The label of everything that the arguments are made from.
    pub label: &'a Label,
}

impl<'a> Bound<'a> {
    /// Puts together what a call is bound to.
    ///
    /// # Errors
    /// What the tool declares cannot be written canonically.
    pub fn new(
        spec: &'a ToolSpec,
        arguments: Digest,
        policy: Digest,
        slot: Option<&'a PlanSlot>,
        label: &'a Label,
    ) -> Result<Self, NotCanonical> {
        Ok(Self { tool: &spec.name, spec: spec.hash()?, arguments, policy, slot, label })
    }

    /// Returns the BLAKE3 of its canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// It cannot be written canonically.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        canonical(self).map(|bytes| Digest::of(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::label::{Principal, Readers};

    #[test]
    fn any_difference_is_another_call() {
        let spec = ToolSpec::new("pay", json!({"type": "object"}));
        let slot = PlanSlot { plan: Digest::of(b"plan"), version: 1, step: "pay".to_owned() };
        let label = Label::UNTRUSTED;
        let shown =
            Bound::new(&spec, Digest::of(b"25"), Digest::ZERO, Some(&slot), &label).unwrap();
        let other_spec = spec.clone().with_description("pays at once");
        let other_slot = PlanSlot { version: 2, ..slot.clone() };
        let private = Label::UNTRUSTED.with_readers(Readers::only([Principal::new("ann")]));
        let others = [
            Bound { tool: "pay2", ..shown.clone() },
            Bound { spec: other_spec.hash().unwrap(), ..shown.clone() },
            Bound { arguments: Digest::of(b"26"), ..shown.clone() },
            Bound { policy: Digest::of(b"other rules"), ..shown.clone() },
            Bound { slot: Some(&other_slot), ..shown.clone() },
            Bound { slot: None, ..shown.clone() },
            Bound { label: &Label::TRUSTED, ..shown.clone() },
            Bound { label: &private, ..shown.clone() },
        ];
        let digest = shown.digest().unwrap();
        for other in &others {
            assert_ne!(other.digest().unwrap(), digest, "{other:?}");
        }
        assert_eq!(shown.clone().digest().unwrap(), digest);
    }
}

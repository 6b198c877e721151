//! The rule of two: whoever may read untrusted text, see private data and reach outside needs a
//! person's leave for the last, or text from outside carries the data away.
//!
//! Source: Meta, *Agents Rule of Two: A Practical Approach to AI Agent Security*, 2025.

use crate::label::{Integrity, Readers};

use super::ToolSpec;

/// Three tools that must not be granted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllThree<'a> {
    /// One whose results are untrusted.
    pub untrusted: &'a str,
    /// One whose results not everybody may see.
    pub private: &'a str,
    /// One that reaches outside and asks for no leave.
    pub reaches_out: &'a str,
}

/// Returns tools that break the rule when they are granted together; one may be two of them.
#[must_use]
pub fn all_three<'a>(granted: &[&'a ToolSpec]) -> Option<AllThree<'a>> {
    let first = |fits: &dyn Fn(&ToolSpec) -> bool| {
        granted.iter().find(|spec| fits(spec)).map(|spec| spec.name.as_str())
    };
    Some(AllThree {
        untrusted: first(&|spec| spec.result_label.integrity == Integrity::Untrusted)?,
        private: first(&|spec| spec.result_label.readers != Readers::Public)?,
        reaches_out: first(&|spec| spec.reaches_out() && spec.approval.is_none())?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        label::{Label, Principal},
        tool::{Control, EffectClass},
    };

    fn look(name: &str, label: Label) -> ToolSpec {
        let spec = ToolSpec::new(name, json!({})).with_effect(EffectClass::Read);
        spec.with_control(Control::none()).with_result_label(label)
    }

    #[test]
    fn all_three_together_are_found_and_any_two_are_not() {
        let ann = Readers::only([Principal::new("ann")]);
        let web = look("web", Label::UNTRUSTED);
        let crm = look("crm", Label::TRUSTED.with_readers(ann));
        let send = ToolSpec::new("send", json!({})).with_result_label(Label::TRUSTED);
        let found = all_three(&[&web, &crm, &send]).unwrap();
        assert_eq!((found.untrusted, found.private, found.reaches_out), ("web", "crm", "send"));
        for two in [[&web, &crm], [&web, &send], [&crm, &send]] {
            assert_eq!(all_three(&two), None);
        }
        let gated = send.with_approval("true");
        assert_eq!(all_three(&[&web, &crm, &gated]), None);
    }
}

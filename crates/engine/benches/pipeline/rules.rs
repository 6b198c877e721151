//! A thousand rules, as a company might have them: most are about other tools, or do not apply.

use std::{sync::Arc, time::Duration};

use mainstay_core::policy::{Policy, Verdict};
use mainstay_tools::policy::{Bundle, LIMIT, Rule, open};

/// So many rules there are.
pub(crate) const RULES: usize = 1_000;

/// What the rules are about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mix {
    /// Half of them about other tools; one in a hundred applies, and permits.
    Company,
    /// All of them about every tool: each condition is evaluated for each call.
    Everywhere,
}

/// Compiles the rules as a program does.
pub(crate) fn policy(mix: Mix) -> Arc<dyn Policy> {
    let rules = (0..RULES).map(|n| rule(mix, n)).collect();
    let limit: Duration = LIMIT;
    open(Bundle { rules, ..Bundle::default() }, limit).unwrap()
}

fn rule(mix: Mix, n: usize) -> Rule {
    let rule = match mix {
        Mix::Company => of_a_company(n),
        Mix::Everywhere => everywhere(n),
    };
    rule.because("so the handbook says")
}

fn of_a_company(n: usize) -> Rule {
    match n % 10 {
        _ if n % 100 == 99 => named(n, Verdict::Permit).when("label.untrusted"),
        0..4 => {
            strict(n).about([format!("crm.update_{}", n % 37)]).when(format!("args.rows > {n}"))
        }
        4 => strict(n)
            .about([format!("warehouse.{}*", n % 13)])
            .when(format!("label.untrusted && args.items.exists(item, item.count > {n})")),
        8 => strict(n)
            .about(["find_*", "send_*"])
            .when(format!("has(args.note) && args.note.contains('project {n}')")),
        9 => strict(n)
            .about(["find_order", "send_message"])
            .when(format!("args.cents > {} || args.order.startsWith('x{n}-')", 100_000 + n)),
        _ => everywhere(n),
    }
}

fn everywhere(n: usize) -> Rule {
    match n % 6 {
        0 => strict(n).when(format!("tool.name == 'crm.delete_{n}' && args.rows > 10")),
        1 => strict(n).when(format!("principal.tenant == 'tenant-{n}' && tool.effect != 'read'")),
        2 => strict(n).when(format!(
            "label.untrusted && tool.effect == 'at_most_once' && has(args.cents) && args.cents > {n}"
        )),
        3 => strict(n).when(format!("'team:{n}' in label.readers || budget.usd < 0.0{n}")),
        4 => strict(n).when(format!("has(args.tags) && args.tags.exists(tag, tag == 'case-{n}')")),
        _ => strict(n).when(format!(
            "principal.flow == 'flow_{n}' || (has(args.note) && args.note.matches('order-{n}$'))"
        )),
    }
}

fn strict(n: usize) -> Rule {
    named(n, if n.is_multiple_of(2) { Verdict::Deny } else { Verdict::RequireApproval })
}

fn named(n: usize, verdict: Verdict) -> Rule {
    Rule::new(format!("handbook-{n:04}"), verdict)
}

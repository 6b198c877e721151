//! Policies in Cedar, from the command line: with the feature they decide, without it nothing starts.

use std::fs;

use crate::program::Place;

fn place(policies: &str) -> Place {
    let place = Place::new();
    let section = "[policy]\nengine = \"cedar\"\nfile = \"policy.cedar\"\n";
    fs::write(place.path().join("mainstay.toml"), section).unwrap();
    fs::write(place.path().join("policy.cedar"), policies).unwrap();
    place
}

#[cfg(not(feature = "cedar"))]
#[test]
fn a_program_without_cedar_does_not_start_without_its_policies() {
    let refused = place("").run(&["tools", "ls"]);
    refused.refused(2, "MS-5040", "policy.cedar: this program was built without Cedar");
    assert!(refused.err.contains("--features cedar"), "{refused:?}");
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let place = place("");
    fs::remove_file(place.path().join("policy.cedar")).unwrap();
    place.run(&["tools", "ls"]).refused(2, "MS-1101", "policy.cedar cannot be read");
}

#[cfg(feature = "cedar")]
#[test]
fn policies_in_cedar_decide_on_every_call() {
    let place = place(
        r#"
@id("much") @reason("over 100 USD")
forbid (principal, action, resource == Tool::"pay_back") when { context.args.cents > 10000 };

@id("some") @approval
forbid (principal in Flow::"mainstay_call", action, resource) when { context.args.cents > 100 };

@id("untold")
forbid (principal, action, resource) when { context.args.order == "gone" && context.args.gone };
"#,
    );
    let pay = |exit, order, cents| place.json(exit, &["tools", "call", "pay_back", order, cents]);
    assert_eq!(pay(0, "order=A-1", "cents=50")["output"], 50);
    for (order, cents, says) in [
        ("order=A-1", "cents=20000", "`much`: over 100 USD"),
        ("order=gone", "cents=50", "rule `untold`"),
    ] {
        let denied = pay(1, order, cents);
        assert_eq!(denied["error"]["code"], "MS-5009", "{denied}");
        assert!(denied["error"]["message"].as_str().unwrap().contains(says), "{denied}");
    }
    assert_eq!(pay(10, "order=A-1", "cents=500")["status"], "parked");
}

#[cfg(feature = "cedar")]
#[test]
fn policies_that_cannot_be_read_are_refused_with_file_line_and_rule() {
    let text = "@id(\"fine\")\npermit (principal, action, resource);\n";
    let refused = |policy: &str, says: &str| {
        place(&format!("{text}{policy}")).run(&["tools", "ls"]).refused(2, "MS-5040", says);
    };
    refused(
        "@id(\"bad\") forbid (principal, action, resource) when { context.arg has cents };",
        "policy.cedar:3: rule `bad`: `context` has no `arg`; did you mean `args`?",
    );
    refused(
        "@id(\"bad\")\nforbid (principal, action resource);",
        "policy.cedar:4: unexpected token",
    );
}

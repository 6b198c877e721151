//! What a configuration declares of workers.

use mainstay_core::{
    label::Label,
    tool::{Control, EffectClass, Origin, Reversibility, ToolSpec},
};

use super::*;

/// A file with a manifest beside it, as a program finds them.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(test: &str, manifest: &str) -> Self {
        let place =
            std::env::temp_dir().join(format!("mainstay-remote-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("shop.json"), manifest).unwrap();
        Self(place)
    }

    fn settings(&self, text: &str) -> Result<Settings, CliError> {
        let file = self.0.join("mainstay.toml");
        std::fs::write(&file, text).unwrap();
        let named = ("MAINSTAY_CONFIG".to_owned(), file.display().to_string());
        Settings::read(BTreeMap::from([named]))
    }

    fn specs(&self, text: &str) -> Result<Vec<ToolSpec>, CliError> {
        let hub = hub(&self.settings(text)?)?.unwrap();
        Ok(hub.served().iter().map(|tool| tool.spec().clone()).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const MANIFEST: &str = r#"{"tools": [
    {"name": "find", "description": "Finds.", "effect": "read",
     "input_schema": {"type": "object"}, "output_schema": true},
    {"name": "refund", "description": "Refunds.", "effect": "idempotent", "key_valid_for": "24h",
     "input_schema": {"type": "object"}, "output_schema": {"type": "string"}}
]}"#;

#[test]
fn a_manifest_declares_tools_and_the_configuration_has_the_last_word() {
    let folder = Folder::new("manifest", MANIFEST);
    let text = r#"
        [workers.shop]
        token = "secret:shop"
        manifest = "shop.json"
        [workers.shop.tools.refund]
        effect = "at_most_once"
        control = ["order"]
        timeout = "5s"
        approval = "args.cents > 100"
        label = { integrity = "trusted" }
        cost = 0.25
        [workers.shop.tools.by_hand]
        input_schema = { type = "object", properties = { q = { type = "string" } } }
    "#;
    let specs = folder.specs(text).unwrap();
    let names: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["shop.by_hand", "shop.find", "shop.refund"]);
    let [by_hand, find, refund] = &specs[..] else { panic!("three tools") };
    assert_eq!(find.effect, EffectClass::Read);
    assert_eq!(find.origin, Origin::Worker("shop".to_owned()));
    assert_eq!(by_hand.effect, EffectClass::AtMostOnce);
    assert_eq!(by_hand.reversibility, Reversibility::Irreversible);
    assert_eq!(refund.effect, EffectClass::AtMostOnce);
    assert_eq!(
        (refund.control.clone(), refund.result_label.clone()),
        (Control::from_iter(["order"]), Label::TRUSTED)
    );
    assert_eq!(refund.cost, Some(250_000));
    assert_eq!(refund.approval.as_deref(), Some("args.cents > 100"));
}

#[test]
fn what_is_not_sound_is_refused_before_anything_runs() {
    let folder = Folder::new("unsound", MANIFEST);
    let table = [
        ("[workers.Shop]\n", "cannot be the name of a worker"),
        ("[workers.shop]\nmanifest = \"gone.json\"\n", "gone.json cannot be read"),
        ("[workers.shop]\ntoken = \"sk-live-1\"\n", "a secret is written as `secret:NAME`"),
        ("[workers.shop]\ntokens = \"secret:a\"\n", "unknown field `tokens`"),
        ("[workers.shop.tools.pay]\neffect = \"read\"\n", "has no input_schema"),
        (
            "[workers.shop.tools.pay]\ninput_schema = {}\neffect = \"idempotent\"\n",
            "idempotent for no stated time",
        ),
        ("[workers.shop.tools.pay]\ninput_schema = {}\neffect = \"local\"\n", "unknown variant"),
    ];
    for (text, expected) in table {
        let error = folder.specs(text).unwrap_err();
        assert_eq!(error.code, Code::InvalidConfig, "{text}");
        assert!(error.message.contains(expected), "{}", error.message);
        assert!(!error.message.contains("sk-live-1"), "{}", error.message);
        assert!(error.hint.is_some(), "{text}");
    }
}

#[test]
fn steps_are_declared_like_tools_and_are_none() {
    let manifest = r#"{"steps": [{"name": "score", "effect": "idempotent", "key_valid_for": "24h",
        "input_schema": {"type": "object"}, "output_schema": true}]}"#;
    let folder = Folder::new("steps", manifest);
    let shop = "[workers.shop]\nmanifest = \"shop.json\"\n";
    let by_hand = "[workers.shop.steps.by_hand]\ninput_schema = {}\n";
    let specs = folder.specs(&format!("{shop}{by_hand}")).unwrap();
    let [by_hand, score] = &specs[..] else { panic!("two steps") };
    assert!(by_hand.is_step() && score.is_step());
    assert_eq!(
        (score.name.as_str(), score.origin.to_string()),
        ("shop.score", "step:shop".to_owned())
    );
    assert_eq!(by_hand.effect, EffectClass::AtMostOnce);
    assert_eq!(by_hand.result_label, Label::UNTRUSTED);
    assert!(matches!(score.effect, EffectClass::Idempotent { .. }));
    let table = [
        ("[workers.shop.tools.score]\ninput_schema = {}\n", "is a tool and a step"),
        ("[workers.shop.steps.score]\npolls = true\n", "workers.shop.steps.score.polls"),
        ("[workers.shop.steps.other]\neffect = \"read\"\n", "workers.shop.steps.other has no"),
    ];
    for (text, expected) in table {
        let error = folder.specs(&format!("{shop}{text}")).unwrap_err();
        assert_eq!(error.code, Code::InvalidConfig, "{text}");
        assert!(error.message.contains(expected), "{}", error.message);
    }
}

#[test]
fn the_program_starts_without_workers() {
    assert!(hub(&Settings::default()).unwrap().is_none());
}

#[tokio::test]
async fn a_public_address_needs_a_token_for_every_worker() {
    let folder = Folder::new("public", MANIFEST);
    let opened = async |text: &str, at: &str| {
        let settings = folder.settings(text).unwrap();
        let hub = hub(&settings).unwrap();
        Door::open(hub, Some(at.parse().unwrap()), &settings).await
    };
    let one_without = "[workers.shop]\ntoken = \"secret:shop\"\n[workers.bank]\n";
    for public in ["0.0.0.0:0", "[::]:0"] {
        let error = opened(one_without, public).await.err().unwrap();
        assert_eq!(error.code, Code::WorkerPublic);
        assert!(error.message.contains("`bank`") && !error.message.contains("`shop`"));
    }
    assert!(opened(one_without, "127.0.0.1:0").await.unwrap().is_some());
    let with = "[workers.shop]\ntoken = \"secret:shop\"\n";
    assert!(opened(with, "0.0.0.0:0").await.unwrap().is_some());
}

#[tokio::test]
async fn nobody_listens_for_workers_that_are_not_declared() {
    let settings = Settings::default();
    assert!(Door::open(None, None, &settings).await.unwrap().is_none());
    let error = Door::open(None, Some(USUAL), &settings).await.err().unwrap();
    assert_eq!(error.code, Code::InvalidArgument);
    assert!(address("nowhere").is_err());
}

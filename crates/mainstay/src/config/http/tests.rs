//! What the file may say about an interface, and where it is told that it may not.

use mainstay_core::{label::Integrity, retry::RetryPolicy, tool::KeyValidity};

use super::super::Settings;
use super::*;

fn read(text: &str) -> Result<Settings, CliError> {
    read_under(text, &[])
}

fn read_under(text: &str, variables: &[(&str, &str)]) -> Result<Settings, CliError> {
    let path = std::env::temp_dir().join(format!(
        "mainstay-http-{}-{}.toml",
        std::process::id(),
        mainstay_core::digest::Digest::of(text.as_bytes())
    ));
    std::fs::write(&path, text).unwrap();
    let name = path.display().to_string();
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let named = std::iter::once(("MAINSTAY_CONFIG".to_owned(), name));
    let read = Settings::read(named.chain(variables.iter().map(own)).collect());
    std::fs::remove_file(path).unwrap();
    read
}

const WHOLE: &str = r#"
[secrets]
folder = "secrets"

[http.crm]
document = "crm.yaml"
base_url = "https://crm.example/v1"
ca = "ca.pem"
auth = { bearer = "secret:crm" }
allow = ["10.1.0.0/16:443", "127.0.0.1:8080"]
idempotency_header = "X-Request-Key"
only = ["getCustomer", "charge"]

[http.crm.operations.charge]
effect = "idempotent"
key_valid_for = "24h"
reversibility = "reversible"
timeout = "5s"
attempts = 2
rate = "60/1m"
control = ["customer", "cents"]
approval = "args.cents > 10000"
label = { integrity = "trusted", readers = ["role:support"] }
concurrency = 4
breaker = { window = 10, cool_down = "1m" }
cost = 0.01
owner = "billing@example.com"
empty_on = [404]
"#;

#[test]
fn everything_that_can_be_said_about_an_operation_arrives() {
    let settings = read(WHOLE).unwrap();
    let interface = settings.http["crm"].interface("crm", String::new());
    assert_eq!(interface.idempotency_header.as_str(), "x-request-key");
    assert_eq!(interface.only, ["getCustomer", "charge"]);
    let said = &interface.operations["charge"];
    let key_valid_for = KeyValidity::For(Duration::from_secs(86_400));
    assert_eq!(said.effect, Some(EffectClass::Idempotent { key_valid_for }));
    assert_eq!(said.retry, Some(RetryPolicy::attempts(2).unwrap()));
    assert_eq!(said.cost, Some(10_000));
    assert_eq!(said.breaker.unwrap().failure_percent, 50, "what is not said stays");
    assert_eq!(said.result_label.as_ref().unwrap().integrity, Integrity::Trusted);
    assert!(said.control.as_ref().unwrap().includes("cents"));
    let ca = settings.http["crm"].ca(&settings.folder);
    assert_eq!(ca, Some(settings.folder.join("ca.pem")));
    let path = settings.http["crm"].path(&settings.folder);
    assert_eq!(path, settings.folder.join("crm.yaml"), "relative to the file");
}

#[test]
fn what_may_not_be_said_is_refused_where_it_stands() {
    let wrong = [
        ("auth = { bearer = \"sk-live-4711\" }", "secret:NAME"),
        ("auth = { query = \"key\", secret = \"secret:crm\" }", "a key in a URL"),
        ("auth = { bearer = \"secret:a\", cookie = \"b\" }", "write `{ bearer"),
        ("auth = { header = \"Host\", secret = \"secret:a\" }", "belongs to the connection"),
        ("auth = { user = \"a:b\", password = \"secret:a\" }", "write `{ bearer"),
        ("allow = [\"10.0.0.0/8\"]", "with a port"),
        ("idempotency_header = \"a b\"", "no name of a header"),
        ("operations.x.effect = \"idempotent\"", "key_valid_for"),
        ("operations.x.effect = \"local\"", "unknown variant `local`"),
        ("operations.x.key_valid_for = \"1h\"", "needs `effect"),
        ("operations.x.attempts = 4", "from 1 to 3"),
        ("operations.x.cost = -1.0", "no price of a call"),
        ("operations.x.tiemout = \"1s\"", "unknown field `tiemout`"),
        ("docmuent = \"y\"", "unknown field `docmuent`"),
    ];
    for (line, part) in wrong {
        let text = format!("[http.crm]\ndocument = \"crm.yaml\"\n{line}\n");
        let error = read(&text).unwrap_err();
        assert_eq!(error.code, Code::InvalidConfig);
        assert!(error.message.contains(part), "{line}: {}", error.message);
        assert!(!error.message.contains("4711"), "what may be the secret is not repeated");
        let at = error.message.contains(".toml:3: ") || error.message.contains("http.crm.");
        assert!(at, "{line}: {}", error.message);
    }
    for (text, part) in [
        ("[http.crm]\nbase_url = \"https://a.example\"\n", "has no document"),
        ("[http.CRM]\ndocument = \"a\"\n", "no name for an interface"),
    ] {
        assert!(read(text).unwrap_err().message.contains(part), "{text}");
    }
}

#[tokio::test]
async fn variables_have_their_say() {
    let variables = [
        ("MAINSTAY__HTTP__CRM__BASE_URL", "https://staging.example"),
        ("MAINSTAY_SECRET_CRM", "of the environment"),
    ];
    let settings = read_under(WHOLE, &variables).unwrap();
    let interface = settings.http["crm"].interface("crm", String::new());
    assert_eq!(interface.base_url.as_deref(), Some("https://staging.example"));
    let reference = "secret:crm".to_owned().try_into().unwrap();
    let secret = mainstay_core::secret::Secrets::resolve(&settings.secrets, &reference).await;
    assert_eq!(secret.unwrap().expose(), "of the environment");
    assert!(!format!("{settings:?}").contains("of the environment"));
}

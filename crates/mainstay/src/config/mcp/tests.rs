//! What `[mcp.NAME]` may say.

use std::time::Duration;

use mainstay_core::tool::{EffectClass, KeyValidity, RateLimit};

use super::*;
use crate::config::file;

fn read(text: &str) -> Result<McpSettings, CliError> {
    let variables = [("PATH", "/bin"), ("LANG", "C"), ("TOKEN", "t0ken")];
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let file = file::read("mainstay.toml", text, &BTreeMap::new())?;
    McpSettings::of(file.mcp, file.mcp_pins, Path::new("a"), &variables)
}

fn one(text: &str) -> Settings {
    read(text).unwrap().servers.remove(0)
}

#[test]
fn a_server_is_a_command_with_no_more_of_the_environment_than_is_listed() {
    let server = one(r#"
        [mcp.files]
        command = ["npx", "-y", "server-filesystem", "/data"]
        inherit = ["LANG"]
        env = { KEY = "secret:files", DEBUG = "1" }
    "#);
    let Reach::Command { argv, env } = server.reach else { panic!("no command") };
    assert_eq!(argv.len(), 4);
    let names: Vec<_> = env.keys().map(String::as_str).collect();
    assert_eq!(names, ["DEBUG", "KEY", "LANG", "PATH"]);
    let key = SecretRef::try_from("secret:files".to_owned()).unwrap();
    assert_eq!(env["KEY"], Given::Secret(key));
    assert_eq!(server.trust, Trust::Untrusted);
}

#[test]
fn a_server_is_an_address_with_headers_by_reference() {
    let server = one(r#"
        [mcp.crm]
        url = "https://crm.example/mcp"
        headers = { authorization = "Bearer secret:crm", x-team = "orders" }
        trusted = true
        timeout = "10s"
        key_valid_for = "24h"
    "#);
    let Reach::Url { headers, .. } = &server.reach else { panic!("no address") };
    assert!(matches!(&headers["authorization"], Given::Bearer(name) if name.name() == "crm"));
    assert_eq!(server.trust, Trust::Trusted);
    assert_eq!(server.timeout, Some(Duration::from_secs(10)));
}

#[test]
fn what_is_said_of_one_tool_holds_whatever_the_server_says() {
    let server = one(r#"
        [mcp.shop]
        command = ["shop"]
        [mcp.shop.tools.pay]
        effect = "idempotent"
        key_valid_for = "forever"
        reversibility = "reversible"
        rate = "10/1m"
        attempts = 2
        concurrency = 3
        control = ["to", "amount"]
        approval = "args.amount > 100"
        label = { integrity = "trusted" }
        owner = "payments"
        cost = 0.002
        breaker = { failure_percent = 30, window = 10, cool_down = "1m" }
    "#);
    let pay = &server.tools["pay"];
    let forever = EffectClass::Idempotent { key_valid_for: KeyValidity::Forever };
    assert_eq!(pay.effect, Some(forever));
    assert_eq!(pay.rate, Some(RateLimit::new(10, Duration::from_secs(60))));
    assert_eq!(pay.cost, Some(2_000));
    assert_eq!(pay.control, Some(Control::from_iter(["amount", "to"])));
    assert_eq!(pay.breaker.unwrap().failure_percent, 30);
}

#[test]
fn the_pins_are_beside_the_configuration_unless_it_says_otherwise() {
    assert_eq!(read("").unwrap().pins, Path::new("a/mainstay.mcp.lock"));
    let elsewhere = read("mcp_pins = \"pins.json\"").unwrap();
    assert_eq!(elsewhere.pins, Path::new("a/pins.json"));
}

#[test]
fn what_is_wrong_is_refused_with_what_would_be_right() {
    let table = [
        ("[mcp.Shop]\ncommand = [\"shop\"]", "cannot be the name"),
        ("[mcp.shop]", "needs a command or a url"),
        ("[mcp.shop]\ncommand = [\"shop\"]\nurl = \"https://a\"", "needs a command or a url"),
        ("[mcp.shop]\ncommand = []", "command is empty"),
        ("[mcp.shop]\nurl = \"ftp://a\"", "no address"),
        ("[mcp.shop]\nurl = \"https://a\"\nenv = { A = \"b\" }", "url and an environment"),
        ("[mcp.shop]\ncommand = [\"a\"]\nheaders = { a = \"b\" }", "command and headers"),
        (
            "[mcp.shop]\ncommand = [\"a\"]\n[mcp.shop.tools.x]\neffect = \"idempotent\"",
            "no stated time",
        ),
        ("[mcp.shop]\ncommand = [\"a\"]\n[mcp.shop.tools.x]\nattempts = 9", "from 1 to 3"),
    ];
    for (text, why) in table {
        let error = read(text).unwrap_err();
        assert_eq!(error.code, Code::InvalidConfig, "{text}");
        assert!(error.message.contains(why), "{text}: {}", error.message);
    }
}

#[test]
fn a_misspelt_key_is_named_with_its_line() {
    let error = read("[mcp.shop]\ncommand = [\"a\"]\ntrust = true\n").unwrap_err();
    assert!(error.message.starts_with("mainstay.toml:"), "{}", error.message);
    assert!(error.message.contains("`trust`"), "{}", error.message);
}

#[test]
fn a_secret_in_the_place_of_its_reference_is_refused_and_not_repeated() {
    let error =
        read("[mcp.crm]\nurl = \"https://a\"\nheaders = { a = \"Bearer sk-live-1\" }").unwrap_err();
    assert!(!error.message.contains("sk-live-1"), "{}", error.message);
}

#[test]
fn a_server_of_the_command_line_has_a_name_or_gets_one() {
    let mut mcp = McpSettings::default();
    mcp.add("crm=http://127.0.0.1:3001/mcp").unwrap();
    mcp.add("http://127.0.0.1:3002/mcp?a=b").unwrap();
    assert_eq!(mcp.servers[0].name, "crm");
    assert_eq!(mcp.nameless, ["http://127.0.0.1:3002/mcp?a=b"]);
    assert!(mcp.add("crm=http://127.0.0.1:3003/mcp").is_err());
    assert!(mcp.add("127.0.0.1:3003").is_err());
    assert_eq!(name_of("Example Servers/Everything", &mcp.servers), "example-servers-everything");
    assert_eq!(name_of("CRM", &mcp.servers), "crm-2");
    assert_eq!(name_of("", &mcp.servers), "mcp");
}

//! Models by configuration alone: one program, real HTTP, and files that say who answers.

use std::fs;

use mainstay_testing::model_server::{ModelServer, Turn};
use serde_json::{Value, json};

use crate::program::Place;

const LETTER: [&str; 5] = ["run", "refund", "--input", "order=A-1", "cents=100"];

/// Starts a server that gives one answer, again and again.
fn vendor(text: &str) -> ModelServer {
    ModelServer::start(vec![Turn::says(text)]).unwrap()
}

/// Writes the configuration into the place.
fn configure(place: &Place, text: &str) {
    fs::write(place.path().join("mainstay.toml"), text).unwrap();
}

fn endpoint(name: &str, server: &ModelServer) -> String {
    format!("[models.endpoints.{name}]\ndialect = \"openai\"\nbase_url = \"{}\"\n", server.url())
}

#[test]
fn tiers_are_swapped_by_configuration_alone() {
    let (first, second) = (vendor("from the first"), vendor("from the second"));
    let place = Place::new();
    let both = endpoint("one", &first) + &endpoint("two", &second);
    let mut models = Vec::new();
    for tier in ["one:small", "two:large"] {
        configure(&place, &format!("[models.tiers]\nfast = \"{tier}\"\n{both}"));
        let document = place.json(0, &LETTER);
        models.push(document["output"].clone());
        let shown = place.json(0, &["runs", "show"]);
        assert!(shown["timeline"].to_string().contains(tier), "{shown}");
    }
    assert_eq!(models, [json!("from the first"), json!("from the second")]);
    assert_eq!((first.count(), second.count()), (1, 1));
    assert_eq!(first.asked()[0]["model"], "small");
    assert_eq!(second.asked()[0]["model"], "large");
}

#[test]
fn a_chain_of_the_file_goes_on_to_the_next_vendor() {
    let (down, up) = (ModelServer::start(vec![Turn::refuses(503)]).unwrap(), vendor("here"));
    let place = Place::new();
    let chain = "[models.tiers.fast]\nmodels = [\"one:a\", \"two:b\"]\nhedge_after = \"30s\"\n";
    configure(&place, &[chain, &endpoint("one", &down), &endpoint("two", &up)].concat());
    assert_eq!(place.json(0, &LETTER)["output"], "here");
    assert_eq!((down.count(), up.count()), (1, 1));
    let listed = place.json(0, &["models", "ls"]);
    let fast = listed["tiers"].as_array().unwrap().last().unwrap();
    assert_eq!(fast["models"][1]["model"], "two:b");
    assert_eq!(fast["hedge_after_ms"], 30_000);
}

#[test]
fn a_variable_beats_the_file_and_the_command_line_beats_both() {
    let (file, variable) = (vendor("by the file"), vendor("by the variable"));
    let place = Place::new();
    let both = endpoint("one", &file) + &endpoint("two", &variable);
    configure(&place, &format!("[models.tiers]\nfast = \"one:a\"\n{both}"));
    let run = |name: &str, value: &str, more: &[&str]| {
        let arguments = [&LETTER[..], more].concat();
        let ended = place.command(&arguments).env(name, value).output().unwrap();
        String::from_utf8(ended.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(run("MAINSTAY__MODELS__TIERS__FAST", "two:a", &[]), "\"by the variable\"");
    assert_eq!(run("MAINSTAY__MODELS__FAST", "two:a", &[]), "\"by the variable\"");
    assert_eq!(run("MAINSTAY__MODELS__FAST", "two:a", &["--model", "one:a"]), "\"by the file\"");
}

#[test]
fn an_unknown_key_is_refused_with_its_file_its_line_and_what_would_be_right() {
    let place = Place::new();
    let wrong = [
        ("[models.tiers]\nfsat = \"a:b\"\n", "mainstay.toml:2:", "did you mean `fast`?"),
        ("\n[modles]\n", "mainstay.toml:2:", "did you mean `models`?"),
        ("[models.tiers]\nfast = \"gpt\"\n", "mainstay.toml:2:", "write VENDOR:NAME"),
        ("[models.tiers.fast]\nmodel = \"a:b\"\n", "mainstay.toml:", "did you mean `models`?"),
        ("[models.endpoints.lab]\nrate = \"often\"\n", "mainstay.toml:2:", "60/1m"),
        ("[models.endpoints.lab]\nbase_url = \"http://x\"\n", "models.endpoints.lab", "`openai`"),
        ("[models\n", "mainstay.toml:1:", "docs/models.md"),
    ];
    for (text, place_of_it, right) in wrong {
        configure(&place, text);
        let ended = place.run(&["models", "ls"]);
        ended.refused(2, "MS-1101", place_of_it);
        assert!(ended.err.contains(right), "{ended:?}");
    }
    configure(&place, "");
    let command = &mut place.command(&["models", "ls"]);
    let ended = command.env("MAINSTAY__MODELS__TEIRS__FAST", "a:b").output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.contains("MAINSTAY__MODELS__TEIRS__FAST") && told.contains("`tiers`"), "{told}");
    let missing = place.command(&["models", "ls"]).env("MAINSTAY_CONFIG", "none.toml").output();
    assert!(String::from_utf8(missing.unwrap().stderr).unwrap().contains("none.toml"));
}

#[test]
fn a_missing_key_is_told_before_anybody_is_asked() {
    let server = vendor("never");
    let place = Place::new();
    let needs_key = endpoint("lab", &server) + "key_env = \"LAB_KEY\"\n";
    configure(&place, &format!("[models.tiers]\nfast = \"lab:a\"\n{needs_key}"));
    let ended = place.run(&LETTER);
    ended.refused(2, "MS-4012", "`lab:a`");
    assert!(ended.err.contains("set LAB_KEY"), "{ended:?}");
    assert_eq!(server.count(), 0);
    assert_eq!(place.command(&LETTER).env("LAB_KEY", "k").status().unwrap().code(), Some(0));
    assert_eq!(server.count(), 1);
}

#[test]
fn an_unpriced_model_under_a_limit_on_money_is_told_before_anybody_is_asked() {
    let server = vendor("paid");
    let place = Place::new();
    let file = format!("[models.tiers]\nfast = \"lab:a\"\n{}", endpoint("lab", &server));
    configure(&place, &file);
    let limited = [&LETTER[..], &["--budget", "usd=1"]].concat();
    let document = place.json(2, &limited);
    assert_eq!(document["error"]["code"], "MS-4007");
    assert_eq!((server.count(), document["run_id"].clone()), (0, Value::Null));
    assert!(document["error"]["hint"].as_str().unwrap().contains("[models.prices]"));
    let priced = "[models.prices]\n\"lab:a\" = { input = 0.4, cached_input = 0.1, output = 1.6 }\n";
    configure(&place, &(file + priced));
    let document = place.json(0, &limited);
    assert_eq!(document["spend"]["usd"], 0.000_012, "10 in and 5 out at that price");
    assert_eq!(server.count(), 1);
}

#[test]
fn cached_tokens_are_paid_at_their_own_price() {
    let turn = Turn::Says { text: "long".into(), input: 1_000, cached: 600, output: 100 };
    let server = ModelServer::start(vec![turn]).unwrap();
    let place = Place::new();
    let lab = endpoint("lab", &server) + "price = { input = 1, cached_input = 0.1, output = 4 }\n";
    configure(&place, &format!("[models.tiers]\nfast = \"lab:a\"\n{lab}"));
    let document = place.json(0, &LETTER);
    assert_eq!(document["spend"]["usd"], 0.000_86, "400 + 60 + 400 micro-dollars");
}

#[test]
fn ping_asks_each_model_once_and_tells_what_is_wrong_with_the_others() {
    let (up, down) = (vendor("pong"), ModelServer::start(vec![Turn::refuses(401)]).unwrap());
    let place = Place::new();
    let tiers = "[models.tiers]\nfrontier = \"down:a\"\nworkhorse = \"up:a\"\nfast = \"up:a\"\n";
    let up_at = endpoint("up", &up) + "price = { input = 1, output = 4 }\n";
    configure(&place, &[tiers, &up_at, &endpoint("down", &down)].concat());
    let pings = place.json(1, &["models", "ping"])["pings"].clone();
    let of = |at: usize| (pings[at]["model"].clone(), pings[at]["answered"].clone());
    assert_eq!(of(0), (json!("down:a"), json!(false)));
    assert_eq!(pings[0]["error"]["code"], "MS-4002");
    assert_eq!(of(1), (json!("up:a"), json!(true)));
    assert_eq!((&pings[1]["input_tokens"], &pings[1]["usd"]), (&json!(10), &json!(0.000_03)));
    assert_eq!((up.count(), down.count()), (1, 1), "no second try");
    assert_eq!(place.run(&["models", "ping", "fast"]).exit, 0);
    place.run(&["models", "ping", "openai:gpt-4.1"]).refused(2, "MS-4012", "OPENAI_API_KEY");
}

#[test]
fn prices_are_printed_with_their_version_and_their_day() {
    let place = Place::new();
    configure(&place, "[models.prices]\n\"lab:own\" = { input = 1.5, output = 2 }\n");
    let table = place.json(0, &["models", "prices", "gpt-4.1-mini"]);
    assert_eq!(
        table["prices"][0],
        json!({"model": "openai:gpt-4.1-mini", "input": 0.4, "cached_input": 0.1, "output": 1.6})
    );
    assert!(table["version"].as_str().unwrap().ends_with("+own"));
    assert_eq!(table["reasoning_tokens"], "billed as output");
    let own = place.json(0, &["models", "prices", "LAB:"]);
    assert_eq!(own["prices"].as_array().map(Vec::len), Some(1));
    let shown = place.run(&["models", "prices", "lab"]);
    assert_eq!(shown.out, "lab:own\t1.5\t1.5\t2\n");
    assert!(shown.err.contains("reasoning tokens are billed as output"), "{shown:?}");
    assert_ne!(table["as_of"], Value::Null);
}

#[test]
fn ls_shows_every_endpoint_and_whether_its_key_is_there() {
    let place = Place::new();
    let lab = "[models.endpoints.lab]\ndialect = \"anthropic\"\nkey_env = \"LAB_KEY\"\nrate = \"60/1m\"\nconcurrency = 4\n";
    configure(&place, &format!("[models.tiers]\nfast = \"lab:claude-haiku-4-5\"\n{lab}"));
    let listed = place.json(0, &["models", "ls"]);
    let endpoints = listed["endpoints"].as_array().unwrap();
    let of = |name: &str| endpoints.iter().find(|e| e["endpoint"] == name).unwrap().clone();
    assert_eq!((&of("lab")["key"], &of("lab")["concurrency"]), (&json!("missing"), &json!(4)));
    assert_eq!(of("ollama")["key"], "not needed");
    let fast = listed["tiers"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&fast["tier"], &fast["models"][0]["ready"]), (&json!("fast"), &json!(false)));
}

#[test]
fn no_call_reaches_a_vendor_that_could_not_be_paid_or_opened() {
    let servers = [vendor("a"), vendor("b"), vendor("c")];
    let place = Place::new();
    let [unpriced, locked, later] = ["unpriced", "locked", "later"];
    let at = |name: &str, nth: usize| endpoint(name, &servers[nth]);
    let key = "key_env = \"NOT_SET\"\n";
    let files = [
        ("MS-4007", format!("[models.tiers]\nfast = \"{unpriced}:a\"\n{}", at(unpriced, 0))),
        ("MS-4012", format!("[models.tiers]\nfast = \"{locked}:a\"\n{}{key}", at(locked, 1))),
        (
            "MS-4012",
            format!(
                "[models.tiers]\nfast = [\"{unpriced}:a\", \"{later}:a\"]\n{}{}{key}",
                at(unpriced, 0),
                at(later, 2)
            ),
        ),
    ];
    for (code, file) in files {
        configure(&place, &file);
        let document = place.json(2, &[&LETTER[..], &["--budget", "usd=1"]].concat());
        assert_eq!(document["error"]["code"], code);
        assert_ne!(document["error"]["hint"], Value::Null);
    }
    let calls: usize = servers.iter().map(ModelServer::count).sum();
    println!("figure calls_before_refusal={calls} calls");
    assert_eq!(calls, 0);
}

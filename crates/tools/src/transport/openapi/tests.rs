//! Documents as tools, called on servers of this machine.

mod bench;
mod calls;

use mainstay_core::{code::Code, label::Integrity, tool::KeyValidity};
use serde_json::json;

use super::*;
use crate::{
    http::request::Form,
    secret::VariableSecrets,
    testing::{
        call,
        server::{Reply, Seen, Server},
    },
};

pub(super) fn client() -> HttpClient {
    let variables =
        BTreeMap::from([("MAINSTAY_SECRET_CRM".to_owned(), "canary-value-17".to_owned())]);
    HttpClient::new(Arc::new(VariableSecrets::new(&variables)))
}

const ORDERS: &str = r##"
openapi: 3.0.3
servers: [{url: "http://{host}:{port}/v1", variables: {host: {default: 127.0.0.1}, port: {default: "PORT"}}}]
paths:
  /orders:
    get:
      operationId: listOrders
      summary: Lists orders.
      parameters: [{name: status, in: query, schema: {type: string, enum: [open, closed]}}]
      responses: {"200": {content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}
    post:
      operationId: createOrder
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
      responses: {"201": {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getOrder, responses: {"200": {content: {application/json: {}}}}}
    put: {operationId: putOrder, requestBody: {content: {application/json: {}}}, responses: {"204": {}}}
    delete: {operationId: deleteOrder, responses: {"204": {}}}
  /pictures:
    post: {operationId: upload, requestBody: {required: true, content: {image/png: {}}}}
components:
  schemas:
    Order:
      type: object
      required: [cents]
      properties: {id: {type: string, readOnly: true}, cents: {type: integer}, note: {type: string, nullable: true}}
"##;

pub(super) fn orders(server: &Server) -> Interface {
    let document = ORDERS.replace("PORT", &server.address.port().to_string());
    let mut interface = Interface::new("shop", document);
    interface.egress = Egress::public().allowing(server.address.to_string().parse().unwrap());
    interface
}

pub(super) fn tool(interface: Interface, name: &str) -> Arc<dyn Tool> {
    let opened = interface.open(&client()).unwrap();
    opened.tools.into_iter().find(|tool| tool.spec().name == name).unwrap()
}

#[tokio::test]
async fn each_operation_is_a_tool_and_the_worst_is_taken_for_granted() {
    let server = Server::start(|_| Reply::of(204, "", "")).await;
    let opened = orders(&server).open(&client()).unwrap();
    let effects: Vec<_> =
        opened.tools.iter().map(|tool| (tool.spec().name.as_str(), tool.spec().effect)).collect();
    use EffectClass::{AtMostOnce, Read};
    let expected = [
        ("shop.listOrders", Read),
        ("shop.createOrder", AtMostOnce),
        ("shop.getOrder", Read),
        ("shop.putOrder", AtMostOnce),
        ("shop.deleteOrder", AtMostOnce),
    ];
    assert_eq!(effects, expected);
    for tool in &opened.tools {
        let spec = tool.spec();
        assert_eq!(spec.origin, Origin::Http("shop".to_owned()));
        assert_eq!(spec.control, Control::All);
        assert_eq!(spec.result_label.integrity, Integrity::Untrusted);
        assert_eq!(spec.reversibility, Reversibility::Irreversible);
    }
    assert_eq!(opened.left_out.len(), 1, "{:?}", opened.left_out);
    assert_eq!(opened.left_out[0].to_string(), "`upload`: a body that is not JSON");
}

#[tokio::test]
async fn what_the_program_says_about_an_operation_counts() {
    let server = Server::start(|_| Reply::of(204, "", "")).await;
    let mut interface = orders(&server);
    let key_valid_for = KeyValidity::For(Duration::from_secs(86_400));
    let said = OperationSettings {
        name: Some("save".to_owned()),
        effect: Some(EffectClass::Idempotent { key_valid_for }),
        reversibility: Some(Reversibility::Reversible),
        timeout: Some(Duration::from_secs(3)),
        control: Some(Control::from_iter(["id"])),
        approval: Some("true".to_owned()),
        cost: Some(5),
        owner: Some("shop@example.com".to_owned()),
        ..OperationSettings::default()
    };
    interface.operations.insert("putOrder".to_owned(), said);
    let read_at_most_once =
        OperationSettings { effect: Some(EffectClass::AtMostOnce), ..OperationSettings::default() };
    interface.operations.insert("listOrders".to_owned(), read_at_most_once);
    let spec = tool(interface.clone(), "shop.save").spec().clone();
    assert_eq!(spec.effect, EffectClass::Idempotent { key_valid_for });
    assert_eq!((spec.timeout, spec.cost), (Duration::from_secs(3), Some(5)));
    assert_eq!(spec.approval.as_deref(), Some("true"));
    assert!(!spec.control.includes("body"));
    let list = tool(interface, "shop.listOrders");
    assert_eq!(list.spec().effect, EffectClass::AtMostOnce, "stricter than the method, too");
}

#[tokio::test]
async fn what_is_asked_for_by_name_must_be_there() {
    let server = Server::start(|_| Reply::of(204, "", "")).await;
    let refused = |change: fn(&mut Interface)| {
        let mut interface = orders(&server);
        change(&mut interface);
        interface.open(&client()).unwrap_err().to_string()
    };
    let misspelt = refused(|i| i.only = vec!["listOrder".to_owned()]);
    assert!(misspelt.contains("did you mean `listOrders`?"), "{misspelt}");
    let impossible = refused(|i| i.only = vec!["upload".to_owned()]);
    assert!(impossible.contains("a body that is not JSON"), "{impossible}");
    let local = refused(|i| {
        let effect = Some(EffectClass::Local);
        let said = OperationSettings { effect, ..OperationSettings::default() };
        i.operations.insert("getOrder".to_owned(), said);
    });
    assert!(local.contains("`read`, `idempotent` or `at_most_once`"), "{local}");
    let nowhere = refused(|i| i.base_url = Some("ftp://example.com".to_owned()));
    assert!(nowhere.contains("neither http nor https"), "{nowhere}");
    let long = refused(|i| {
        i.name = "x".repeat(60);
        i.only = vec!["listOrders".to_owned()];
    });
    assert!(long.contains("longer than 64"), "{long}");
}

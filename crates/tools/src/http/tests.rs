//! The client against servers of this machine, with a network where any address can be theirs.

mod answers;
mod redirects;
mod secured;
mod vectors;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use http::Method;
use mainstay_core::secret::{Secret, SecretRef, Secrets};
use tokio::net::TcpStream;

use super::*;
use crate::testing::server::{Reply, Seen, Server};

/// An address that anybody may call.
const PUBLIC: &str = "93.184.216.34";

/// Names and what they stand for, one answer after the other; the last one stays.
#[derive(Default)]
struct Names {
    answers: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn with(mut self, name: &str, answers: &[&[&str]]) -> Self {
        let read = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        self.answers.insert(name.to_owned(), answers.iter().map(read).collect());
        self
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.iter().filter(|own| *own == name).count();
        asked.push(name.to_owned());
        // A name that nobody listed is anybody's: a check that looks at names alone would let it by.
        let unknown = || vec![PUBLIC.parse().unwrap()];
        Ok(match self.answers.get(name) {
            Some(answers) => answers[before.min(answers.len() - 1)].clone(),
            None => unknown(),
        })
    }
}

/// A network where addresses are played by servers of this machine. It notes every dial.
#[derive(Default)]
struct Stage {
    played: HashMap<SocketAddr, SocketAddr>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Stage {
    fn with(mut self, address: &str, server: &Server) -> Self {
        self.played.insert(address.parse().unwrap(), server.address);
        self
    }

    fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

#[async_trait]
impl Dial for Stage {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        self.dialled.lock().unwrap().push(address);
        match self.played.get(&address) {
            Some(server) => TcpStream::connect(server).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

/// One secret, `secret:crm`.
struct OneSecret(&'static str);

#[async_trait]
impl Secrets for OneSecret {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, String> {
        let known = reference.name() == "crm";
        known.then(|| Secret::new(self.0)).ok_or_else(|| format!("`{reference}` has no value"))
    }
}

fn crm() -> SecretRef {
    "secret:crm".to_owned().try_into().unwrap()
}

fn client() -> HttpClient {
    HttpClient::new(Arc::new(OneSecret("canary-value-17")))
}

fn on_stage(names: Names, stage: &Arc<Stage>) -> HttpClient {
    client().with_resolver(Arc::new(names)).with_dial(Arc::clone(stage) as Arc<dyn Dial>)
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, Url::parse(url).unwrap())
}

fn allowing(server: &Server) -> Egress {
    Egress::public().allowing(server.address.to_string().parse().unwrap())
}

async fn ask(server: &Server, request: Request) -> Result<Response, HttpFailure> {
    client().send(request, &allowing(server), HttpLimits::default()).await
}

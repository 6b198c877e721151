//! TLS: who is believed, and what was sent to whom is not. The certificates are the tests' own.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::*;

const AUTHORITY: &[u8] = include_bytes!("tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/leaf.pem");
const KEY: &[u8] = include_bytes!("tls/leaf.key");

/// Serves one request as `tls.example`, and returns what it read.
async fn serve(listener: TcpListener) -> Vec<u8> {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
        return Vec::new();
    };
    let mut read = vec![0; 4_096];
    let length = stream.read(&mut read).await.unwrap_or(0);
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecure";
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
    read.truncate(length);
    read
}

/// Asks `https://NAME/` of a server that is `tls.example`; returns the answer and what it read.
async fn ask(name: &str, roots: &[u8]) -> (Result<Response, HttpFailure>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stage = Stage::default();
    stage.played.insert("93.184.216.34:443".parse().unwrap(), listener.local_addr().unwrap());
    let mut client = on_stage(Names::default(), &Arc::new(stage));
    if !roots.is_empty() {
        client = client.with_roots(roots).unwrap();
    }
    let request = get(&format!("https://{name}/")).with_credential(Credential::bearer(crm()));
    let egress = Egress::public();
    let answer = client.send(request, &egress, HttpLimits::default());
    tokio::join!(answer, serve(listener))
}

#[tokio::test]
async fn whom_the_authority_vouches_for_is_believed() {
    let (answer, read) = ask("tls.example", AUTHORITY).await;
    assert_eq!(answer.unwrap().body, "secure");
    assert!(String::from_utf8_lossy(&read).contains("Bearer canary-value-17"));
}

#[tokio::test]
async fn an_impostor_gets_nothing() {
    for (name, roots) in [("other.example", AUTHORITY), ("tls.example", &[] as &[u8])] {
        let (answer, read) = ask(name, roots).await;
        let failure = answer.unwrap_err();
        assert!(matches!(failure.fault, Fault::Unreachable(_)), "{name}: {failure}");
        assert_eq!((failure.reached, read.len()), (Reached::Nobody, 0), "{name}");
    }
    assert!(client().with_roots(b"no certificate").is_err());
}

//! TLS as its users and somebody in between meet it: the real programs, and a listener with another certificate in the server's
//! place that writes down all it gets to read.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use holdfast_tests::{Person, Server, difference, small_dataset};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const NEW: [&str; 7] = ["--name", "X", "--bits", "2048", "--kdf-log2-n", "17", "--generate"];

/// Signs up as nobody else: what `more` says, and no key but the one that is made.
fn sign_up(person: &Person, more: &[&str]) {
    let args = [&["signup", "--handle", person.handle()][..], more, &NEW].concat();
    let made = person.run_without_key(&args).ok();
    person.keep_key(made["master_key"].as_str().expect("a generated Master Key"));
}

fn self_signed(root: &Path) -> Server {
    Server::start_with(&root.join("server"), &["--tls-self-signed"])
}

/// A certificate for this computer under a key, as PEM files.
fn certificate(pair: &KeyPair) -> rcgen::Certificate {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = CertificateParams::new(names).expect("names");
    params.self_signed(pair).expect("a certificate")
}

/// Somebody in the server's place with another key, who keeps what comes in clear.
struct InBetween {
    port: u16,
    fingerprint: String,
    over: Arc<AtomicBool>,
    listening: JoinHandle<Vec<Vec<u8>>>,
}

impl InBetween {
    /// What was read on each connection.
    fn heard(self) -> Vec<Vec<u8>> {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        self.listening.join().expect("what was heard")
    }
}

fn in_between(port: u16) -> InBetween {
    let pair = KeyPair::generate().expect("a key");
    let fingerprint =
        holdfast_protocol::id::Hash::of(&rcgen::PublicKeyData::subject_public_key_info(&pair)).to_string();
    let certificate: CertificateDer<'static> = certificate(&pair).der().clone();
    let key = PrivateKeyDer::try_from(pair.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the server's port");
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    let listening = std::thread::spawn(move || {
        let mut heard = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().expect("somebody");
            if ended.load(Ordering::SeqCst) {
                return heard;
            }
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).expect("TLS");
            let mut read = Vec::new();
            while read.is_empty() && tls.complete_io(&mut stream).is_ok_and(|(got, sent)| got + sent > 0) {
                let _ = tls.reader().read_to_end(&mut read);
            }
            let _ = tls.reader().read_to_end(&mut read);
            heard.push(read);
        }
    });
    InBetween {
        port,
        fingerprint,
        over,
        listening,
    }
}

#[test]
fn a_self_signed_server_is_used_once_its_fingerprint_is_known() {
    let root = tempfile::tempdir().expect("a folder");
    let server = self_signed(root.path());
    let (url, fingerprint) = (server.url(), server.fingerprint());
    assert!(url.starts_with("https://"));
    let ana = Person::nobody(root.path(), &url, "ana@example.org");

    // Nobody vouches for it: the fingerprint is shown, and the line that goes on.
    let line = ["signup", "--server", &url, "--handle", "ana@example.org"];
    let told = ana.run_without_key(&[&line[..], &NEW].concat());
    assert_eq!(
        (told.code, told.json["code"].as_str()),
        (21, Some("server-certificate-unknown"))
    );
    let next = told.json["next"].as_str().expect("a next step");
    assert!(next.contains(&format!("--server-fingerprint {fingerprint}")), "{next}");
    let wrong = "0".repeat(64);
    let told = ana.run_without_key(&[&line[..], &NEW, &["--server-fingerprint", &wrong]].concat());
    assert_eq!(
        (told.code, told.json["code"].as_str()),
        (21, Some("server-certificate-changed"))
    );
    // It is the typing, so far as anybody knows: not a line that would take any key.
    let said = told.json["message"].as_str().expect("a sentence");
    assert!(said.starts_with("That fingerprint is not this server's."), "{said}");
    let next = told.json["next"].as_str().expect("a next step");
    assert!(
        next.starts_with("Compare what you typed") && !next.contains("signin"),
        "{next}"
    );
    ana.run_without_key(&[&line[..], &NEW, &["--server-fingerprint", "ab12", "cd"]].concat())
        .fails(2);

    // As it is shown, in groups and without quotes.
    let groups: Vec<&str> = fingerprint
        .as_bytes()
        .chunks(4)
        .map(|group| std::str::from_utf8(group).expect("digits"))
        .collect();
    let grouped = [&["--server", &url, "--server-fingerprint"][..], &groups].concat();
    sign_up(&ana, &grouped);
    ana.run(&["project", "create", "Scans"]).ok();
    let sent = small_dataset(root.path());
    let sent_path = sent.to_str().expect("a path");
    ana.run(&["dataset", "upload", "Scans", sent_path, "--name", "penguins"])
        .ok();

    let second = ana.second_device();
    let line = ["signin", "--server", &url, "--handle", "ana@example.org"];
    second.run(&line).fails(21);
    second
        .run(&[&line[..], &["--server-fingerprint", fingerprint]].concat())
        .ok();
    let out = second.home().join("out");
    second
        .run(&[
            "dataset",
            "download",
            "Scans/penguins",
            "--to",
            out.to_str().expect("a path"),
        ])
        .ok();
    assert_eq!(difference(&sent, &out), "");
    // What is pinned here needs not be said again.
    second.run(&line).ok();
}

#[test]
fn somebody_in_between_reads_nothing_and_a_renewed_certificate_is_taken() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = self_signed(root.path());
    let fingerprint = server.fingerprint().to_owned();
    let ana = Person::nobody(root.path(), &server.url(), "ana@example.org");
    sign_up(&ana, &["--server", &server.url(), "--server-fingerprint", &fingerprint]);
    ana.run(&["project", "create", "Scans"]).ok();

    server.kill();
    let stranger = in_between(server.port());
    let told = ana.run(&["device", "list"]);
    assert_eq!(
        (told.code, told.json["code"].as_str()),
        (21, Some("server-certificate-changed"))
    );
    let heard = stranger.heard();
    assert!(!heard.is_empty(), "nobody came by");
    assert!(heard.iter().all(Vec::is_empty), "something was sent");
    // Were it believed, it would hear something: this test can fail.
    let believed = in_between(server.port());
    let eve = Person::nobody(root.path(), &server.url(), "eve@example.org");
    eve.keep_key("violet tractor hums beneath nine frozen lanterns softly");
    let (url, fingerprint_of_it) = (server.url(), believed.fingerprint.clone());
    let line = ["signin", "--server", &url, "--handle", "eve@example.org"];
    eve.run(&[&line[..], &["--server-fingerprint", &fingerprint_of_it]].concat())
        .fails(30);
    assert!(believed.heard().iter().any(|read| read.starts_with(b"POST /v1/")));

    // Each start makes a new certificate for the same key.
    let pem = || std::fs::read(root.path().join("server/tls-certificate.pem")).expect("a certificate");
    let before = pem();
    server.restart();
    assert_ne!(before, pem());
    assert_eq!(server.fingerprint(), fingerprint);
    ana.run(&["device", "list"]).ok();

    // Another key is another server, until a person says otherwise.
    server.kill();
    std::fs::remove_file(root.path().join("server/tls-key.pem")).expect("the key");
    server.restart();
    let told = ana.run(&["device", "list"]);
    assert_eq!(
        (told.code, told.json["code"].as_str()),
        (21, Some("server-certificate-changed"))
    );
    assert!(
        told.json["next"]
            .as_str()
            .is_some_and(|next| next.contains("holdfast signin --server"))
    );
    // What is known here is still shown.
    assert_eq!(ana.run(&["project", "list"]).ok()[0]["name"], "Scans");
    let url = server.url();
    let line = ["signin", "--server", &url, "--handle", "ana@example.org"];
    ana.run(&line).fails(21);
    ana.run(&[&line[..], &["--server-fingerprint", server.fingerprint()]].concat())
        .ok();
    ana.run(&["device", "list"]).ok();
    assert_eq!(ana.run(&["project", "list"]).ok()[0]["name"], "Scans");
}

#[test]
fn an_operators_own_certificate_is_shown() {
    let root = tempfile::tempdir().expect("a folder");
    let pair = KeyPair::generate().expect("a key");
    let (cert, key) = (root.path().join("cert.pem"), root.path().join("key.pem"));
    std::fs::write(&cert, certificate(&pair).pem()).expect("a file");
    std::fs::write(&key, pair.serialize_pem()).expect("a file");
    let files = [
        "--tls-cert",
        cert.to_str().expect("a path"),
        "--tls-key",
        key.to_str().expect("a path"),
    ];
    let server = Server::start_with(&root.path().join("server"), &files);
    let ana = Person::nobody(root.path(), &server.url(), "ana@example.org");
    // As people write it elsewhere.
    let spoken = server.fingerprint().to_uppercase();
    sign_up(
        &ana,
        &[
            "--server",
            &server.url(),
            "--server-fingerprint",
            &format!("SHA256:{spoken}"),
        ],
    );

    // A key that is another certificate's.
    std::fs::write(&key, KeyPair::generate().expect("a key").serialize_pem()).expect("a file");
    let data = root.path().join("other");
    let line = [
        "serve",
        "--data",
        data.to_str().expect("a path"),
        files[0],
        files[1],
        files[2],
        files[3],
    ];
    ana.run_without_key(&line).fails(2);
}

#[test]
fn an_invitation_brings_the_fingerprint() {
    let root = tempfile::tempdir().expect("a folder");
    let server = self_signed(root.path());
    let ana = Person::nobody(root.path(), &server.url(), "ana@example.org");
    sign_up(
        &ana,
        &["--server", &server.url(), "--server-fingerprint", server.fingerprint()],
    );
    ana.run(&["project", "create", "Scans"]).ok();
    let invited = ana
        .run(&["project", "invite", "Scans", "ben@example.org", "--role", "reader"])
        .ok();
    let text = invited["invitation"].as_str().expect("the invitation's text");
    let ben = Person::nobody(root.path(), &server.url(), "ben@example.org");
    let file = ben.file("invitation", text);
    sign_up(&ben, &["--invitation-file", &file]);
    ana.run(&["project", "members", "Scans"]).ok();
    assert_eq!(ben.run(&["project", "list"]).ok()[0]["name"], "Scans");
}

#[test]
fn who_speaks_no_tls_holds_nobody_up() {
    let root = tempfile::tempdir().expect("a folder");
    let server = self_signed(root.path());
    // Silent, and plain HTTP: both are somebody's, and neither is answered.
    let _silent: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port())))
        .collect();
    let ana = Person::nobody(root.path(), &server.url(), "ana@example.org");
    let plain = server.url().replace("https", "http");
    let line = ["signin", "--server", &plain, "--handle", "ana@example.org"];
    ana.keep_key("violet tractor hums beneath nine frozen lanterns softly");
    let told = ana.run(&line).fails(30);
    let said = told["message"].as_str().expect("a sentence");
    assert_eq!(told["code"], "needs-https", "{said}");
    assert!(said.contains("speaks https"), "{said}");
    sign_up(
        &ana,
        &["--server", &server.url(), "--server-fingerprint", server.fingerprint()],
    );
}

//! Whoever runs the server and answers as he likes: a layer between a client and the real server, at the port that all
//! requests go through. It keeps what was said, and an [`Attack`] decides what each side gets to hear.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use holdfast_engine::ports::{Method, Request, Response, Transport, Unreachable};
use serde_json::Value;
use tokio::sync::mpsc;

/// A request and the answer that the client got.
#[derive(Clone)]
pub struct Exchange {
    /// What the client sent.
    pub request: Request,
    /// What it heard; status 0 where that was nothing.
    pub answer: Response,
}

/// Which way a request goes.
pub enum Course {
    /// To the server, and the answer back.
    Straight,
    /// Nowhere: the connection is cut before.
    Cut,
    /// To the server, and the answer is lost.
    Lost,
    /// To the server twice: the second answer counts.
    Twice,
    /// To the server, after a while.
    Late(Duration),
    /// To another server.
    To(Arc<dyn Transport>),
}

/// An answer on its way to a client.
pub struct Seen<'a> {
    /// How many exchanges came before.
    pub at: usize,
    /// What the client sent.
    pub request: &'a Request,
    /// What the real server says.
    pub honest: Response,
    /// All that came before.
    pub before: &'a [Exchange],
}

/// What somebody does to the requests and answers of one client. A closure that takes a [`Seen`] is an attack on answers.
pub trait Attack: Send + Sync {
    /// Where a request goes.
    fn course(&self, _request: &Request) -> Course {
        Course::Straight
    }

    /// What the server gets to hear.
    fn request(&self, request: Request) -> Request {
        request
    }

    /// What the client gets to hear.
    fn answer(&self, seen: Seen<'_>) -> Response;
}

impl<F: Fn(Seen<'_>) -> Response + Send + Sync> Attack for F {
    fn answer(&self, seen: Seen<'_>) -> Response {
        self(seen)
    }
}

/// The way of one client to a server, and who sits in it.
pub struct Layer {
    origin: String,
    state: Mutex<State>,
}

struct State {
    server: Arc<dyn Transport>,
    attack: Option<Arc<dyn Attack>>,
    record: Vec<Exchange>,
}

impl Layer {
    /// A way to a server on which everything is passed on as it is.
    #[must_use]
    pub fn new(server: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new(Self {
            origin: server.origin().to_owned(),
            state: Mutex::new(State {
                server,
                attack: None,
                record: Vec::new(),
            }),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to deceive.
    pub fn attack(&self, attack: impl Attack + 'static) {
        self.state().attack = Some(Arc::new(attack));
    }

    /// Ends it.
    pub fn honest(&self) {
        self.state().attack = None;
    }

    /// Leads this client to another server from now on; it goes on believing that it is the same one.
    pub fn lead_to(&self, server: Arc<dyn Transport>) {
        self.state().server = server;
    }

    /// Everything that was said so far, in the order of the answers.
    #[must_use]
    pub fn record(&self) -> Vec<Exchange> {
        self.state().record.clone()
    }

    /// Takes out what was said so far.
    pub fn take_record(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.state().record)
    }
}

#[async_trait]
impl Transport for Layer {
    fn origin(&self) -> &str {
        &self.origin
    }

    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        let (server, attack) = {
            let state = self.state();
            (state.server.clone(), state.attack.clone())
        };
        let passed_on = match &attack {
            Some(attack) => attack.request(request.clone()),
            None => request.clone(),
        };
        let honest = match attack
            .as_ref()
            .map_or(Course::Straight, |attack| attack.course(&request))
        {
            Course::Straight => server.send(passed_on).await?,
            Course::Cut => return Err(Unreachable::unsent("the connection was cut")),
            Course::Lost => {
                server.send(passed_on).await?;
                let answer = Response {
                    status: 0,
                    body: bytes::Bytes::new(),
                };
                self.state().record.push(Exchange { request, answer });
                return Err(Unreachable::silent("the answer was lost"));
            }
            Course::Twice => {
                server.send(passed_on.clone()).await?;
                server.send(passed_on).await?
            }
            Course::Late(pause) => {
                tokio::time::sleep(pause).await;
                server.send(passed_on).await?
            }
            Course::To(other) => other.send(passed_on).await?,
        };
        let mut state = self.state();
        let answer = match &attack {
            Some(attack) => attack.answer(Seen {
                at: state.record.len(),
                request: &request,
                honest,
                before: &state.record,
            }),
            None => honest,
        };
        state.record.push(Exchange {
            request,
            answer: answer.clone(),
        });
        Ok(answer)
    }

    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        let server = self.state().server.clone();
        server.listen(path, token).await
    }
}

/// The kind of a request: method and path, with `{}` in the place of ids and numbers and without a query.
#[must_use]
pub fn route(request: &Request) -> String {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    };
    let path = request.path.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| {
        let is_id = part.len() >= 24 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_id || is_number { "{}" } else { part }
    });
    format!("{method} {}", parts.collect::<Vec<_>>().join("/"))
}

/// A message's body as JSON; null when it is none.
#[must_use]
pub fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// A good answer with this body.
///
/// # Panics
/// Never: a value can be written.
#[must_use]
pub fn answer(value: &Value) -> Response {
    Response {
        status: 200,
        body: serde_json::to_vec(value).expect("a value").into(),
    }
}

/// An answer that refuses with a code.
#[must_use]
pub fn refusal(status: u16, code: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": "no", "next": "" });
    Response {
        status,
        body: body.to_string().into_bytes().into(),
    }
}

//! The API's description, made from the handlers and the wire types. `docs/openapi.json` is this text; a test compares them.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::routes::{
    accounts, directory, events, invitations, meta, moving, nodes, packs, runs, sessions, spaces, streams,
};

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdfast server",
        description = "Stores what clients signed and sealed, and can read none of it. Bytes are unpadded base64url, ids lowercase hex, times milliseconds since 1970-01-01 UTC. See docs/spec/wire.md.",
        version = "1"
    ),
    modifiers(&Bearer),
    components(schemas(holdfast_protocol::wire::RunEvent)),
    paths(
        meta::health, meta::openapi, meta::server,
        accounts::sign_up, accounts::me, accounts::change_keys, accounts::own_recovery,
        accounts::set_recovery, accounts::remove_recovery,
        accounts::recover,
        sessions::start_sign_in, sessions::sign_in, sessions::renew, sessions::sign_out, sessions::devices,
        sessions::end_device,
        directory::look_up, directory::look_up_principal, directory::checkpoint, directory::prove, directory::leaves,
        spaces::list, spaces::create, spaces::entries, spaces::append, spaces::usage,
        moving::account, moving::entries, moving::finish,
        packs::begin, packs::put_part, packs::query, packs::read, packs::abort,
        invitations::invite, invitations::list, invitations::take_back, invitations::claim,
        events::listen,
        nodes::draw_token, nodes::enrol, nodes::list, nodes::end, nodes::set_card, nodes::lease, nodes::heartbeat,
        runs::put_capsule, runs::capsule, runs::list, runs::show, runs::refuse, runs::put_result, runs::result,
        streams::put_box, streams::read,
    )
)]
struct Api;

/// The description as indented JSON with sorted keys, the same on every run.
#[must_use]
pub fn openapi_json() -> String {
    let value = serde_json::to_value(Api::openapi()).expect("the description is plain data");
    let mut text = serde_json::to_string_pretty(&value).expect("a JSON value is JSON");
    text.push('\n');
    text
}

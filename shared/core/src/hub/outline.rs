//! What nothing but a request shows: there something else of the same shape can stand while nobody is asked or told.
//!
//! Whatever a rendered stack is made of must not be among these paths; `crossdock-stack` has a test for it.

/// What can stand at the path of a scalar; `None`: its value matters.
pub(super) fn stand_in(path: &str) -> Option<&'static str> {
    let names: Vec<&str> = path.split(['.', '[']).collect();
    match names.as_slice() {
        ["sources" | "endpoints", _, "url"] | ["sources", _, "auth", "oauth2", "token_url"] => {
            Some("https://stand-in.invalid")
        }
        ["sources", _, "auth", "oauth2", "client_id" | "scope" | "audience"]
        | ["sources", _, "auth", "basic", "user"]
        | ["sources" | "endpoints", _, "headers", _]
        | ["sources", _, "collections", _, "request", "query", _]
        | ["routes", _, "parameters", ..] => Some("stand-in"),
        _ => None,
    }
}

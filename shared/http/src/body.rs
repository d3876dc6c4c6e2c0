//! Bodies of unknown length, read piece by piece and never past their limit.

use reqwest::Response;

/// What was read of a body.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// There was more than the limit; the rest was left unread, and the connection goes with it.
    pub(crate) cut: bool,
}

/// Up to `limit` bytes, counted after decompression. One piece more than the limit is looked at, to know whether the
/// body ended there.
pub(crate) async fn read(mut response: Response, limit: usize) -> Result<Body, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit - bytes.len();
        if chunk.len() > room {
            bytes.extend_from_slice(&chunk[..room]);
            return Ok(Body { bytes, cut: true });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Body { bytes, cut: false })
}

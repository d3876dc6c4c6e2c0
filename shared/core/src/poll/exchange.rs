//! One page asked for and answered, with what may come in between: a token that has to be fetched, one that has lost its
//! worth, a redirect.

use url::Url;

use super::{
    error::PollError,
    request::{self, Asked},
    token::Tokens,
};
use crate::{
    hub::{Auth, Limits, Source},
    port::{Home, Method, SourceClient, SourceResponse},
    url::{same_origin, shown, shown_target},
};

/// Redirects in a row.
const MOST_HOPS: u32 = 5;

/// The answer leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    #[error("the source answered {status} and points to {to}; with `follow_redirects: true` the hub goes there")]
    NotFollowed { status: u16, to: String },
    #[error(
        "the source answered {status} and points to {to}, which is not on {expected}; if that is right, it belongs in `url`"
    )]
    Elsewhere { status: u16, to: String, expected: String },
    #[error("the source answered {status} to a POST and points to {to}; only 307 and 308 keep a POST as it is")]
    NoPost { status: u16, to: String },
    #[error("the source redirects more than {MOST_HOPS} times, at last to {to}")]
    TooMany { to: String },
}

/// The most requests, one after another, that one page may take.
pub(super) fn most_requests(source: &Source) -> u32 {
    let hops = if source.follow_redirects { 1 + MOST_HOPS } else { 1 };
    let each = match source.auth {
        // With a token that has lost its worth, a request for another one, and with that.
        Some(Auth::OAuth2(_)) => 3,
        _ => 1,
    };
    hops * each
}

/// The answer, and the URL that gave it.
pub(super) async fn ask<H: Home>(
    home: &H,
    tokens: &Tokens,
    source: &Source,
    limits: &Limits,
    mut asked: Asked,
) -> Result<(Url, SourceResponse), PollError> {
    let mut hops = 0;
    loop {
        let response = authorized(home, tokens, source, limits, &asked).await?;
        let Some(to) = redirect(source.follow_redirects, &asked, &response)? else {
            return Ok((asked.url, response));
        };
        hops += 1;
        if hops > MOST_HOPS {
            return Err(RedirectError::TooMany { to: shown(&to) }.into());
        }
        asked.url = to;
    }
}

/// A token may have been taken back before its time: the source is then asked once more, with a new one.
async fn authorized<H: Home>(
    home: &H,
    tokens: &Tokens,
    source: &Source,
    limits: &Limits,
    asked: &Asked,
) -> Result<SourceResponse, PollError> {
    let Some(Auth::OAuth2(oauth2)) = &source.auth else {
        let request = request::complete(asked, source, limits, home.secrets()).await.map_err(PollError::Secret)?;
        return Ok(home.source().fetch(request).await?);
    };
    let mut again = true;
    loop {
        let token = tokens.get(home, &source.name, oauth2, limits.timeout).await?;
        let mut request = request::complete(asked, source, limits, home.secrets()).await.map_err(PollError::Secret)?;
        request.headers.push(request::bearer(&token.value));
        let response = home.source().fetch(request).await?;
        if response.status != 401 {
            return Ok(response);
        }
        tokens.give_up(&source.name, &token).await;
        if token.fresh || !std::mem::take(&mut again) {
            return Ok(response);
        }
    }
}

/// Where to go on; `None`: the answer is no redirect.
fn redirect(follow: bool, asked: &Asked, response: &SourceResponse) -> Result<Option<Url>, RedirectError> {
    let status = response.status;
    // RFC 9110 §15.4: of the others, none says by itself where to go.
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, response.header("location")) else { return Ok(None) };
    let Some(to) = same_origin(&asked.url, location) else {
        let expected = asked.url.origin().ascii_serialization();
        return Err(RedirectError::Elsewhere { status, to: shown_target(&asked.url, location), expected });
    };
    match (follow, asked.method, status) {
        (false, ..) => Err(RedirectError::NotFollowed { status, to: shown(&to) }),
        (true, Method::Post, 301..=303) => Err(RedirectError::NoPost { status, to: shown(&to) }),
        _ => Ok(Some(to)),
    }
}

#[cfg(test)]
mod tests;

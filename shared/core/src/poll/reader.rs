//! A page of a collection, asked for and read, whatever it is then used for.

use super::{
    error::PollError,
    exchange,
    page::{self, Page},
    remote, request,
    run::Run,
    token::Tokens,
    walk::At,
};
use crate::{
    Timestamp,
    hub::{Hub, Pages},
    port::Home,
};

pub(super) struct Reader<'a, H> {
    pub home: &'a H,
    pub hub: &'a Hub,
    pub tokens: &'a Tokens,
}

impl<H: Home> Reader<'_, H> {
    /// The error says on which page it was.
    pub(super) async fn page(&self, run: &mut Run<'_>, since: Option<Timestamp>, at: &At) -> Result<Page, PollError> {
        self.ask(run, since, at).await.map_err(|error| match (&run.collection.pages, at) {
            (Pages::Number { first, counts, .. }, At::Number(number)) if number > first => {
                error.on_page(*number, *first, *counts)
            }
            _ => error,
        })
    }

    async fn ask(&self, run: &mut Run<'_>, since: Option<Timestamp>, at: &At) -> Result<Page, PollError> {
        let asked_at = self.home.clock().now();
        let (page, date) = match &run.collection.remote {
            Some(rule) => remote::page(self.home, self.hub, run.collection, rule, at).await?,
            None => self.ask_source(run, since, at).await?,
        };
        run.report.pages += 1;
        let date = source_time(date.as_deref());
        run.now = run.now.max(asked_at).max(date.unwrap_or(asked_at));
        if run.state.started_at.is_none() {
            run.state.started_at = Some(date.unwrap_or(asked_at));
        }
        Ok(page)
    }

    /// The page, and the source's own time.
    async fn ask_source(
        &self,
        run: &Run<'_>,
        since: Option<Timestamp>,
        at: &At,
    ) -> Result<(Page, Option<String>), PollError> {
        let asked = request::page(run.source, run.collection, since, run.style(), at);
        let (url, response) = exchange::ask(self.home, self.tokens, run.source, &self.hub.limits, asked).await?;
        let page = match page::is_past_the_end(run.collection, at, &response) {
            true => Page::default(),
            false => page::read(run.collection, &url, &response, self.home.clock().now())
                .map_err(|error| error.knowing(run.source.auth.as_ref()))?,
        };
        Ok((page, response.header("date").map(str::to_owned)))
    }
}

/// An object's creation is told by the source's clock, so what counts as "before the hub came" is too.
fn source_time(date: Option<&str>) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date?).ok().map(|zoned| zoned.timestamp())
}

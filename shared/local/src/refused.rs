//! An endpoint client that tells of requests which found nobody listening, for a command that helps whoever is about to
//! write the endpoint. The request is handed over whole, payload included: it is for eyes, and never for a log.

use std::{fmt, sync::Arc};

use crossdock_core::port::{EndpointClient, EndpointRequest, EndpointResponse, HttpError};

/// Asked of each request before it is sent: what is to be done if it is refused a connection. Whoever has nothing more to
/// say keeps no copy of the request either. Neither must block.
pub type OnRefused = Arc<dyn Fn(&EndpointRequest) -> Option<Tell> + Send + Sync>;
pub type Tell = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub struct Telling<C> {
    client: C,
    on_refused: Option<OnRefused>,
}

impl<C> fmt::Debug for Telling<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling")
    }
}

impl<C> Telling<C> {
    pub(crate) fn new(client: C, on_refused: Option<OnRefused>) -> Self {
        Self { client, on_refused }
    }
}

impl<C: EndpointClient> EndpointClient for Telling<C> {
    async fn post(&self, request: EndpointRequest) -> Result<EndpointResponse, HttpError> {
        let tell = self.on_refused.as_ref().and_then(|on_refused| on_refused(&request));
        let answer = self.client.post(request).await;
        if let (Some(tell), Err(HttpError::Refused(_))) = (tell, &answer) {
            tell();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use crossdock_core::port::UrlOrigin;

    use super::*;

    struct Answers(Result<EndpointResponse, HttpError>);

    impl EndpointClient for Answers {
        async fn post(&self, _: EndpointRequest) -> Result<EndpointResponse, HttpError> {
            self.0.clone()
        }
    }

    #[tokio::test]
    async fn only_a_refused_connection_is_told() {
        let response = EndpointResponse { status: 500, headers: Vec::new(), body: Vec::new(), truncated: false };
        for (answer, expected) in [
            (Ok(response), 0),
            (Err(HttpError::Timeout(Duration::from_secs(1))), 0),
            (Err(HttpError::Refused("ear.example:80".to_owned())), 1),
        ] {
            let told: Arc<Mutex<Vec<String>>> = Arc::default();
            let kept = Arc::clone(&told);
            let on_refused: OnRefused = Arc::new(move |request| {
                let (kept, body) = (Arc::clone(&kept), request.body.clone());
                Some(Box::new(move || kept.lock().unwrap().push(body)))
            });
            let client = Telling::new(Answers(answer.clone()), Some(on_refused));
            let request = EndpointRequest {
                url: "http://ear.example".parse().unwrap(),
                headers: Vec::new(),
                body: "{}".to_owned(),
                timeout: Duration::from_secs(1),
                max_body: 1,
                origin: UrlOrigin::HubFile,
            };
            assert_eq!(client.post(request).await, answer);
            assert_eq!(told.lock().unwrap().len(), expected, "{answer:?}");
        }
    }
}

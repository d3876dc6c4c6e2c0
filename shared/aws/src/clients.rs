//! The SDK clients, built once per process.
//!
//! All of them share one connection pool and one way of waiting and trying again: a call that AWS throttles or drops is
//! repeated a few times with growing waits (adaptive: a client that is throttled slows down by itself), and ends within
//! [`OPERATION_TIMEOUT`] whatever happens, so that a function always has time left to say what went wrong. What still
//! fails then is the caller's to repeat, from the queue or at the next run.
//!
//! TLS is rustls on ring, as in crossdock-http, with the certificate authorities of the platform; they are read when the
//! first call connects, not at start.

use std::{fmt, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{behavior_version::BehaviorVersion, http::SharedHttpClient};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};
use secrecy::ExposeSecret;

use crate::{calls::LogCalls, settings::Settings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Of one attempt, a long poll and an answer of some megabytes included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(6);
/// Of one call with all its attempts.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
/// The first included.
const ATTEMPTS: u32 = 4;

/// One client per service; clones share everything.
#[derive(Clone)]
pub struct Clients {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub eventbridge: aws_sdk_eventbridge::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub ssm: aws_sdk_ssm::Client,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

/// The SDKs bring none along.
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

impl Clients {
    /// Of a function. Its credentials are those that Lambda has put into its environment: they last longer than the
    /// environment does, so nothing renews them.
    pub fn of_function(settings: &Settings) -> Self {
        let credentials = Credentials::new(
            settings.credentials.access_key_id.clone(),
            settings.credentials.secret_access_key.expose_secret(),
            settings.credentials.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
            None,
            "environment",
        );
        let mut config = SdkConfig::builder()
            .region(Region::new(settings.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        config.set_endpoint_url(settings.endpoint_url.clone());
        Self::new(&config.build())
    }

    /// With region, credentials and endpoint from elsewhere, such as a command's profile. An HTTP client that is there
    /// already stays.
    pub fn new(config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let http = config.http_client().unwrap_or_else(http_client);
        let config = config
            .to_builder()
            // Pinned: what a newer SDK does by default is looked at before it is taken over.
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS))
            .build();
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf($sdk::config::Builder::from(&config).interceptor(LogCalls).build())
            };
        }
        Self {
            dynamodb: client!(aws_sdk_dynamodb),
            eventbridge: client!(aws_sdk_eventbridge),
            sqs: client!(aws_sdk_sqs),
            ssm: client!(aws_sdk_ssm),
        }
    }
}

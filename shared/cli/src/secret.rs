//! `crossdock secret`: what deliveries are signed with, for whoever verifies them.
//!
//! A secret is printed only where somebody asks for it by the endpoint's name, alone on a line of the standard output, so
//! that it can be piped to where it is kept; what is to be known about it goes to the error output. Of an Ed25519 key only
//! the public half is shown, since nobody but the hub needs the other. Secrets that the hub file names are not read here:
//! they are where somebody has put them.

use crossdock_core::{
    Timestamp,
    hub::{self, Schemes},
    id::EndpointName,
    port::{Generations, Home, Ledger, Random, Signing},
    signature::{Scheme, Secret as SigningSecret},
};
use crossdock_http::OsRandom;
use jiff::SignedDuration;
use secrecy::ExposeSecret;

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{On, SchemeArg, Secret, SecretCommand},
    context::{Environment, Opened},
    failure::Failure,
    out,
};

pub(crate) async fn run(args: Secret, environment: Environment) -> Result<(), Failure> {
    let place = match &args.command {
        SecretCommand::New { scheme } => {
            new(*scheme);
            return Ok(());
        }
        SecretCommand::List { place } | SecretCommand::Show { place, .. } | SecretCommand::Rotate { place, .. } => {
            place
        }
    };
    match &place.on {
        On::Local => {
            let opened = Opened::existing(&place.which, environment).await?;
            act(&args.command, &opened).await?;
            opened.close().await;
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => act(&args.command, &remote::open(&place.which, stack, &environment).await?).await?,
    }
    Ok(())
}

async fn act<H: Home>(command: &SecretCommand, opened: &Opened<H>) -> Result<(), Failure> {
    match command {
        SecretCommand::New { .. } => Ok(()),
        SecretCommand::List { .. } => list(opened).await,
        SecretCommand::Show { endpoint, .. } => show(opened, endpoint).await,
        SecretCommand::Rotate { endpoint, overlap, .. } => rotate(opened, endpoint, *overlap).await,
    }
}

fn new(scheme: SchemeArg) {
    let scheme = match scheme {
        SchemeArg::V1 => Scheme::V1,
        SchemeArg::V1a => Scheme::V1a,
    };
    let secret = SigningSecret::of_bytes(scheme, &OsRandom.key());
    out::line(secret.written().expose_secret());
    if let Some(public) = secret.public() {
        out::note(&format!("the endpoint verifies with {public}"));
    }
}

async fn list<H: Home>(opened: &Opened<H>) -> Result<(), Failure> {
    let now = opened.home.clock().now();
    for (name, endpoint) in &opened.hub.endpoints {
        let schemes = written(endpoint.signing.schemes);
        let names: Vec<String> = endpoint.signing.secrets.iter().map(ToString::to_string).collect();
        out::line(&match names.is_empty() {
            true => {
                let generations = generations(opened, name).await?;
                let newest = generations.newest;
                format!("{name}  {schemes}  its own, generation {newest}{}", beside(generations, now))
            }
            false => format!("{name}  {schemes}  {} of the hub file", names.join(", ")),
        });
    }
    Ok(())
}

async fn show<H: Home>(opened: &Opened<H>, name: &str) -> Result<(), Failure> {
    let (name, endpoint) = derived(opened, name, "their values are where you have put them")?;
    let generations = generations(opened, name).await?;
    let key = opened.home.store().signing_key().await?;
    for &scheme in endpoint.signing.schemes.all() {
        let secret = SigningSecret::derived(&key, name, generations.newest, scheme)?;
        match secret.public() {
            Some(public) => out::line(&public),
            None => out::line(secret.written().expose_secret()),
        }
    }
    let beside = beside(generations, opened.home.clock().now());
    if !beside.is_empty() {
        out::note(&format!("{name} is being rotated: this is generation {}{beside}", generations.newest));
    }
    Ok(())
}

async fn rotate<H: Home>(opened: &Opened<H>, name: &str, overlap: SignedDuration) -> Result<(), Failure> {
    let how =
        "rotate by naming a new one there beside it, and taking the old one out once the receiver has the new one";
    let (name, _) = derived(opened, name, how)?;
    let now = opened.home.clock().now();
    let from = generations(opened, name).await?;
    if let Some(until) = running(from, now).filter(|_| !overlap.is_zero()) {
        return Err(Failure::new(format!(
            "{name} is being rotated: until {until} generation {} signs too, and one more would cut it off; wait, or say \
             --overlap 0s if the old secrets are to end now",
            from.newest.saturating_sub(1)
        )));
    }
    let newest = from.newest.checked_add(1).ok_or_else(|| Failure::new(format!("{name} has no generation left")))?;
    let previous_until = (!overlap.is_zero()).then(|| now.checked_add(overlap)).transpose()?;
    let to = Generations { newest, previous_until };
    if !opened.home.store().rotate(name, from, to).await? {
        return Err(Failure::new(format!(
            "somebody else rotated {name} at the same time; look at crossdock secret list"
        )));
    }
    out::line(&format!("{name} signs with generation {newest} from now on{}", beside(to, now)));
    out::note(&format!("crossdock secret show {name} prints the new secret, for whoever verifies"));
    Ok(())
}

/// The endpoint, if its secrets are its own; `instead` is what to do about those of the hub file.
fn derived<'a, H>(
    opened: &'a Opened<H>,
    name: &str,
    instead: &str,
) -> Result<(&'a EndpointName, &'a hub::Endpoint), Failure> {
    let found = opened.hub.endpoints.iter().find(|(known, _)| known.as_str() == name);
    let (name, endpoint) =
        found.ok_or_else(|| crate::context::unknown("endpoint", name, opened.hub.endpoints.keys()))?;
    match endpoint.signing.secrets.is_empty() {
        true => Ok((name, endpoint)),
        false => {
            let names: Vec<String> = endpoint.signing.secrets.iter().map(ToString::to_string).collect();
            Err(Failure::new(format!("{name} signs with {} of the hub file; {instead}", names.join(", "))))
        }
    }
}

async fn generations<H: Home>(opened: &Opened<H>, name: &EndpointName) -> Result<Generations, Failure> {
    Ok(opened.home.store().open(name, &[], &[]).await?.control?.signing)
}

/// Until when the generation before signs too, if it does.
fn running(generations: Generations, now: Timestamp) -> Option<Timestamp> {
    generations.previous_until.filter(|_| generations.at(now).count() > 1)
}

fn beside(generations: Generations, now: Timestamp) -> String {
    let previous = generations.newest.saturating_sub(1);
    running(generations, now)
        .map(|until| format!("; generation {previous} signs too until {until}"))
        .unwrap_or_default()
}

fn written(schemes: Schemes) -> String {
    schemes.all().iter().map(|scheme| scheme.as_str()).collect::<Vec<_>>().join(" and ")
}

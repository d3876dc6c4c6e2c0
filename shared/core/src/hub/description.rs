//! The shape of hub.yaml: what may stand where (`docs/contract.md` §8). What it means is worked out in
//! [`super::resolve`]. The comments here are what editors show beside a key.

use super::{
    address::{BaseUrl, Network, RequestPath, ServicePath},
    alternatives::{
        AuthPart, BodyPart, CursorStyle, LinkStyle, NumberStyle, OffsetStyle, OrderPart, PagesPart, ParameterPart,
        PathOr, Pattern, RetriesPart, Rule, Status206Style, TermPart,
    },
    coming_in::{ChannelPart, Digest, EventPart, LocatorPart, VerifyPart},
    decode::{At, AtLeastOne, Named, described},
    model::{ClientAuth, Format, KeyKind, OrderKind, Schemes, Start, TimeFormat},
    presets::{Preset, SourceOrPreset},
    values::{Count, Field, Flag, Json, Literal, Size, Span},
};
use crate::{
    id::{HubName, MessageType, ObjectType, RouteName, SecretName},
    json::FieldPath,
    pattern::{Combine, Operator, TypePattern},
    port::Method,
    webhook::{
        envelope::Envelope,
        proof::{Algorithm, Encoding},
        provider::Provider,
    },
};

described! {
    /// An event-integration hub: what is polled, what is delivered, and on which routes.
    HubFile {
        /// The hub's name; prefix of every resource.
        required "hub" hub: HubName,
        /// Whether the hub is at work; true by default. One that is not takes, polls and delivers nothing, and loses nothing.
        optional "enabled" enabled: Flag,
        /// Bounds on what one request or message may cost.
        optional "limits" limits: LimitsPart,
        /// How long the hub remembers what is over.
        optional "retention" retention: RetentionPart,
        /// Private networks that may be reached, as CIDRs; every other private address is refused.
        optional "networks" networks: Vec<At<Network>>,
        /// The systems that are polled or that push, by name.
        optional "sources" sources: Named<SourceOrPreset>,
        /// What comes in of its own accord, each at /webhooks/<its id>.
        optional "webhooks" webhooks: Named<WebhookPart>,
        /// The HTTP services that receive messages, by name.
        optional "endpoints" endpoints: Named<EndpointPart>,
        /// Which messages go where.
        optional "routes" routes: Vec<At<RoutePart>>,
        /// Other names of message types: a message that comes in as the one before the colon is known as the one behind it.
        optional "aliases" aliases: Named<At<MessageType>>,
    }

    /// Bounds on what one request or message may cost.
    LimitsPart {
        /// Follow-ups of follow-ups; one more is a loop. 8 by default, at most 100.
        optional "hops" hops: At<Count>,
        /// For one request, its answer included. 15s by default, at most 15m.
        optional "timeout" timeout: At<Span>,
        /// How much of an endpoint's answer is read. 256KiB by default, at most 16MiB.
        optional "response" response: At<Size>,
        /// How long a page of a source may be, after decompression. 10MiB by default, at most 256MiB.
        optional "page" page: At<Size>,
    }

    /// How long the hub remembers what is over. What is not over never expires, nor does the newest version of an object.
    RetentionPart {
        /// A message with its deliveries, after the last of them has ended. 30d by default; a duration from 1s, or forever.
        optional "deliveries" deliveries: TermPart,
        /// A dead letter in its queue. 14d by default, which is as long as SQS keeps one; at least 1s.
        optional "dead_letters" dead_letters: At<Span>,
        /// A version of an object, after a newer one has replaced it. forever by default; or a duration from 1s.
        optional "versions" versions: TermPart,
    }

    /// A system that is polled or that pushes.
    SourcePart {
        /// Its base URL, http or https, without credentials.
        required "url" url: BaseUrl,
        /// What kind of shop it is: everything that can be known of one is filled in, and can be said differently here.
        optional "preset" preset: Preset,
        /// How requests authenticate: exactly one of bearer, basic, header, oauth2.
        optional "auth" auth: AuthPart,
        /// Headers sent with every request.
        optional "headers" headers: Named<Literal>,
        /// Redirects are followed, at most 5 in a row and never to another scheme, host or port; false by default.
        optional "follow_redirects" follow_redirects: Flag,
        /// Lets the source push, with the secret as its bearer token.
        optional "push" push: SecretPart,
        /// The lists that are polled, by name.
        optional "collections" collections: Named<CollectionPart>,
    }

    /// A secret by its name: CROSSDOCK_SECRET_<NAME> in the environment, or the parameter store.
    SecretPart {
        /// The secret's name, never its value.
        required "secret" secret: SecretName,
    }

    /// HTTP basic authentication (RFC 7617).
    BasicPart {
        /// The user's name.
        required "user" user: At<String>,
        /// The name of the secret that holds the password.
        required "secret" secret: SecretName,
    }

    /// A header that carries a secret.
    HeaderPart {
        /// The header's name.
        required "name" name: At<String>,
        /// The name of the secret that holds its value.
        required "secret" secret: SecretName,
    }

    /// A token for requests, got with the client's own credentials (OAuth 2.0 client credentials, RFC 6749 §4.4).
    OAuth2Part {
        /// Where tokens are given out, http or https, without credentials.
        required "token_url" token_url: BaseUrl,
        /// Who the hub is to the token server.
        required "client_id" client_id: At<String>,
        /// The name of the secret that holds the client's secret.
        required "secret" secret: SecretName,
        /// What the token is to allow, words separated by blanks.
        optional "scope" scope: At<String>,
        /// Which service the token is for, where the token server asks for it.
        optional "audience" audience: At<String>,
        /// How id and secret are sent: in a `basic` authorization header (default) or as fields of the `body`.
        optional "client_auth" client_auth: ClientAuth,
    }

    /// One list of a source.
    CollectionPart {
        /// What one of its objects is: `order`. First word of its messages' types.
        required "type" object_type: ObjectType,
        /// How a page is asked for. Either this or `remote`.
        optional "request" request: RequestPart,
        /// The endpoint through which it is read, where the source has no list that can be.
        optional "remote" remote: At<RemotePart>,
        /// Where the list is in the answer; by default the answer is the list.
        optional "items" items: FieldPath,
        /// The field that names an object.
        required "id" id: Field,
        /// When an object was created: a path (RFC 3339), or a field and its format.
        optional "created" created: PathOr<CreatedPart>,
        /// How the source filters by time; without it every poll reads the whole list.
        optional "since" since: At<SincePart>,
        /// How the list is divided into pages; without it, it comes in one answer.
        optional "pages" pages: At<PagesPart>,
        /// How often it is polled. At least 1s; less is for local use only.
        required "every" every: At<Span>,
        /// A slow, wide poll beside it, which finds what it, or a source that pushes, has missed.
        optional "reconcile" reconcile: ReconcilePart,
        /// How one object is fetched. With it, a push may name objects by their ids alone.
        optional "fetch" fetch: FetchPart,
        /// Whose objects are news: those created from now on (default), all, or from a time on.
        optional "start" start: At<Start>,
        /// Which field tells the newer of two versions, so that an older change that comes late is known as such. By default
        /// the field of `since`; `none`: nothing tells, and what comes last is the newest.
        optional "order" order: OrderPart,
        /// Fields whose change is no change.
        optional "volatile" volatile: Vec<Field>,
        /// Named values of an object, for search and filters.
        optional "keys" keys: Named<PathOr<KeyPart>>,
        /// Records inside an object that have a life of their own, by name.
        optional "children" children: Named<ChildPart>,
        /// Changes that give a more specific type of message.
        optional "derive" derive: Vec<Rule>,
        /// A field that marks an object as deleted when it is there and not null, false, 0 or "".
        optional "deleted" deleted: Field,
    }

    /// A slow, wide poll beside a collection's own.
    ReconcilePart {
        /// How often. At least 1s; less is for local use only.
        required "every" every: At<Span>,
        /// How far back it reads, at most 366d; without it, everything. Needs `since`.
        optional "window" window: At<Span>,
    }

    /// A list that is read through an endpoint: it is asked by POST, and answers with objects and new parameters.
    RemotePart {
        /// The endpoint.
        required "endpoint" endpoint: At<String>,
        /// The service of the endpoint: appended to its URL.
        optional "path" path: ServicePath,
        /// What the first poll sends. What an answer gives replaces it in the next, secrets excepted.
        optional "parameters" parameters: Named<ParameterPart>,
    }

    /// How one object is fetched that a push has named by its id alone.
    FetchPart {
        /// Appended to the source's URL; begins with / and has {id} where the id goes.
        required "path" path: At<RequestPath>,
        /// Where the object is in the answer; by default the answer is the object.
        optional "item" item: FieldPath,
        /// How many objects a second at most; 5 by default, at most 1000.
        optional "rate" rate: At<Count>,
    }

    /// A GET request, or a POST with a JSON body.
    RequestPart {
        /// Appended to the source's URL; begins with /.
        required "path" path: RequestPath,
        /// Query parameters sent with every request.
        optional "query" query: Named<Literal>,
        /// GET by default.
        optional "method" method: At<Method>,
        /// The JSON body of a POST. A text that is exactly "{bookmark}", "{cursor}" or "{page}" becomes that value, null
        /// where there is none yet; inside a longer text it becomes text.
        optional "body" body: BodyPart,
    }

    /// A time in an object.
    CreatedPart {
        /// Where it is.
        required "field" field: Field,
        /// How it is written; rfc3339 by default.
        optional "format" format: TimeFormat,
    }

    /// A field that tells the newer of two versions of an object.
    OrderFieldPart {
        /// Where it is.
        required "field" field: Field,
        /// number: a version or sequence number, another one for every change. Or the time of the last change, as it is
        /// written: rfc3339, epoch or epoch_ms.
        required "as" kind: OrderKind,
    }

    /// A filter by time that the source understands: changed at or after, oldest first.
    SincePart {
        /// The query parameter; without it the request's body has a {bookmark}.
        optional "param" param: At<String>,
        /// What the parameter says, where that is more than a time: a text with {bookmark} in it.
        optional "value" value: At<String>,
        /// The field of an object that it filters by.
        required "field" field: Field,
        /// How times are written; rfc3339 by default.
        optional "format" format: TimeFormat,
        /// How far behind the bookmark a poll reads again. 5s by default, at most 1d.
        optional "overlap" overlap: At<Span>,
        /// The source gives what changed after the time, and not what changed at it; false by default.
        optional "exclusive" exclusive: Flag,
    }

    /// Pages by number.
    NumberPagesPart {
        /// page: the page's number is a query parameter.
        required "style" style: NumberStyle,
        /// The query parameter; without it the request's body has a {page}.
        optional "param" param: At<String>,
        /// The number of the first page; 1 by default.
        optional "first" first: Count,
        /// Where the answer says how many pages there are: a path, or a header. Without it, reading stops at an empty page.
        optional "total" total: PathOr<TotalPart>,
        /// How many objects a page is to have.
        optional "size" size: PageSizePart,
    }

    /// How many pages there are, said in a header.
    TotalPart {
        /// The name of the answer's header.
        required "header" header: At<String>,
    }

    /// Pages by the number of objects before them.
    OffsetPagesPart {
        /// offset: a query parameter says how many objects to leave out; reading stops at an empty page.
        required "style" style: OffsetStyle,
        /// The query parameter; without it the request's body has a {page}.
        optional "param" param: At<String>,
        /// How many objects a page is to have.
        optional "size" size: PageSizePart,
    }

    /// Pages by link.
    LinkPagesPart {
        /// link: the answer names the next page in `Link: <…>; rel="next"` (RFC 8288).
        required "style" style: LinkStyle,
        /// Where the answer's body has the next page's URL, in place of the Link header.
        optional "next" next: Field,
    }

    /// Pages by a cursor that each answer gives for the next.
    CursorPagesPart {
        /// cursor: the answer's body has a value that the next request sends.
        required "style" style: CursorStyle,
        /// The query parameter; without it the request's body has a {cursor}.
        optional "param" param: At<String>,
        /// Where the answer has the next page's cursor; reading stops where it is absent, null, false or "".
        required "next" next: Field,
        /// Where the answer says, by true or false, whether there are more pages.
        optional "more" more: Field,
        /// The last cursor is the bookmark: the next poll goes on from it. false by default.
        optional "resume" resume: Flag,
    }

    /// Pages by number, for as long as the answer is a 206.
    Status206PagesPart {
        /// status206: there is another page while the answer's status is 206.
        required "style" style: Status206Style,
        /// The query parameter that the page's number is; without it the request's body has a {page}.
        optional "param" param: At<String>,
        /// The number of the first page; 1 by default.
        optional "first" first: Count,
        /// How many objects a page is to have.
        optional "size" size: PageSizePart,
    }

    /// The parameter that sets a page's size.
    PageSizePart {
        /// The query parameter.
        required "param" param: At<String>,
        /// Objects on a page.
        required "value" value: At<Count>,
    }

    /// A key with the kind its value is turned into.
    KeyPart {
        /// Where the value is in the object.
        required "path" path: Field,
        /// What it is turned into; a value that cannot be is left out.
        optional "as" kind: KeyKind,
    }

    /// Records inside an object, with versions and messages of their own.
    ChildPart {
        /// What one of them is: `payment`.
        required "type" object_type: ObjectType,
        /// The field that names one.
        required "id" id: Field,
        /// Where the list (or the one record) is in the parent; the child's name by default.
        optional "items" items: Field,
        /// Named values, for search and filters.
        optional "keys" keys: Named<PathOr<KeyPart>>,
        /// Fields whose change is no change.
        optional "volatile" volatile: Vec<Field>,
        /// Changes that give a more specific type of message.
        optional "derive" derive: Vec<Rule>,
    }

    /// A rule that gives a change a more specific type.
    DerivePart {
        /// The field that is looked at.
        required "path" path: Field,
        /// The value it changes to.
        optional "becomes" becomes: Json,
        /// The value it has, at every change.
        optional "is" is: Json,
        /// The type of the message.
        required "message" message: At<MessageType>,
        /// In place of the general `updated`, not beside it; false by default.
        optional "instead" instead: Flag,
    }

    /// A way in for one provider's webhooks.
    WebhookPart {
        /// The source whose objects and messages they are.
        required "source" source: At<String>,
        /// Who sends them; it says how they are proven, and where an event's id and kind are.
        required "provider" provider: At<Provider>,
        /// Names of the secrets they are proven with; any one of them is enough.
        optional "secrets" secrets: At<AtLeastOne<SecretName>>,
        /// How requests of a generic provider are proven.
        optional "verify" verify: At<VerifyPart>,
        /// A queue or a bus in the account that they come through, in place of HTTP.
        optional "from" from: At<ChannelPart>,
        /// What an event is wrapped in; the provider's own by default.
        optional "envelope" envelope: Envelope,
        /// JSON Schema of an event's body.
        optional "schema" schema: At<Json>,
        /// Where an event's id is; the provider's own by default.
        optional "id" event_id: LocatorPart,
        /// Where it says what happened; the provider's own by default.
        optional "event" event_kind: LocatorPart,
        /// What becomes of events, by what happened; * at the end of a name stands for the rest of it. The most specific
        /// name that fits counts, and what none fits is dropped.
        optional "events" events: Named<EventPart>,
    }

    /// A MAC of the raw body (RFC 2104), in a header.
    HmacPart {
        /// The header.
        required "header" header: At<String>,
        /// sha256 by default.
        optional "algorithm" algorithm: Algorithm,
        /// How its bytes are written: hex (default) or base64.
        optional "encoding" encoding: Encoding,
        /// What stands before it in the header; nothing by default.
        optional "prefix" prefix: At<String>,
    }

    /// A token in a header, from the webhook's secrets or known by its hash.
    BearerPart {
        /// The header; authorization by default, where `Bearer ` stands before the token.
        optional "header" header: At<String>,
        /// SHA-256 of tokens that are good, each 64 hex digits.
        optional "sha256" sha256: AtLeastOne<Digest>,
    }

    /// An event that brings an object, names one, or is a message.
    ActionPart {
        /// The collection of the source that the object belongs to.
        optional "collection" collection: At<String>,
        /// Where the object, or a message's payload, is in the body; by default it is the body.
        optional "item" item: FieldPath,
        /// The object is gone; false by default.
        optional "deleted" deleted: At<Flag>,
        /// Where the id of the object is, which is fetched. The collection needs `fetch`.
        optional "id" id: At<Field>,
        /// The type of message that it is, in place of an object.
        optional "message" message: At<MessageType>,
    }

    /// An HTTP service that receives messages by POST.
    EndpointPart {
        /// Its URL, http or https, without credentials.
        required "url" url: BaseUrl,
        /// Headers sent with every message.
        optional "headers" headers: Named<Literal>,
        /// The secret sent as x-hub-token.
        optional "token" token: SecretPart,
        /// What a delivery looks like: crossdock (default), wombat or cloudevents.
        optional "format" format: Format,
        /// How deliveries are signed; by default v1 with a secret of the endpoint's own (crossdock secret show).
        optional "signing" signing: SigningPart,
        /// Waits between attempts, each at most 10h, or `none`. By default 5s, 30s, 2m, 10m, 30m, 1h, 2h, 4h, 8h.
        optional "retries" retries: At<RetriesPart>,
        /// Requests at a time; 4 by default, at most 1000.
        optional "concurrency" concurrency: At<Count>,
        /// For one request, its answer included; the limits' by default, at most 15m.
        optional "timeout" timeout: At<Span>,
        /// Statuses that no retry will mend: straight to the dead letters.
        optional "dead_letter_on" dead_letter_on: Vec<At<Count>>,
        /// A 2xx counts only when its body echoes the message's id; false by default.
        optional "require_ack" require_ack: Flag,
        /// Never an older version of an object after a newer one: one that comes too late is superseded, and a newer one
        /// waits until the older ones of its object are over. false by default.
        optional "ordered" ordered: Flag,
        /// No new messages go to it, while what waits is still sent: to be set before an endpoint is removed. false by
        /// default.
        optional "drain" drain: Flag,
    }

    /// How deliveries are signed (Standard Webhooks).
    SigningPart {
        /// v1 (HMAC-SHA256, default), v1a (Ed25519), or both while a receiver moves from one to the other.
        optional "scheme" scheme: Schemes,
        /// Names of secrets, each a whsec_… or whsk_…, in place of the endpoint's own; all of them sign.
        optional "secrets" secrets: AtLeastOne<SecretName>,
    }

    /// Which messages go to which endpoint.
    RoutePart {
        /// The route's name.
        required "name" name: At<RouteName>,
        /// Types of messages; `*` at the end stands for the rest of a type.
        required "messages" messages: AtLeastOne<At<TypePattern>>,
        /// The endpoint.
        required "to" to: At<String>,
        /// The service of the endpoint: appended to its URL.
        optional "path" path: ServicePath,
        /// Whether messages are sent at all; true by default.
        optional "enabled" enabled: Flag,
        /// Conditions on the message.
        optional "filters" filters: At<Vec<At<FilterPart>>>,
        /// Whether all filters must hold (default) or any.
        optional "match" combine: At<Combine>,
        /// An EventBridge event pattern, in place of filters.
        optional "pattern" pattern: Pattern,
        /// Values sent with every message of the route.
        optional "parameters" parameters: Named<ParameterPart>,
        /// Only the first message with certain values is sent; later ones are recorded as suppressed.
        optional "once_per" once_per: OncePerPart,
    }

    /// Which messages count as the same, and for how long.
    OncePerPart {
        /// The values that make messages the same: keys of a collection, by name, or dotted paths from the message's root,
        /// such as object.id. A message without one of them is always sent.
        required "keys" keys: AtLeastOne<At<String>>,
        /// For how long after the first one, from 1s to 366d; 30d by default.
        optional "window" window: At<Span>,
    }

    /// A parameter's value as it is, where it would be taken for a secret otherwise.
    LiteralPart {
        /// The value.
        required "literal" literal: Json,
    }

    /// A condition on a message.
    FilterPart {
        /// Dotted, from the message's root: keys.total, payload.order.actual.state.
        required "path" path: At<String>,
        /// How it is compared.
        required "operator" operator: Operator,
        /// What it is compared with; a list for in, not_in and between; none for present and empty.
        optional "value" value: Json,
    }
}

//! One line per event: a flat JSON object, so that a query names a field (`filter request_id = "…"`) and no place in a
//! list. The fields of the spans around an event come first, the outermost before the others; what is nearer wins.

use std::{fmt, io, sync::Arc};

use crossdock_core::port::Clock;
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, registry::LookupSpan};

/// Writes lines to what `writer` makes.
pub(crate) fn layer<S, W>(clock: Arc<dyn Clock>, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    Lines { clock, writer }
}

struct Lines<W> {
    clock: Arc<dyn Clock>,
    writer: W,
}

/// Of a span.
struct Fields(Map<String, Value>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Reading(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(Fields(fields)) = span.extensions_mut().get_mut() {
            values.record(&mut Reading(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        line.insert("time".to_owned(), self.clock.now().to_string().into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        for span in context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().into_iter().rev() {
            if let Some(Fields(fields)) = span.extensions().get() {
                line.extend(fields.clone());
            }
        }
        event.record(&mut Reading(&mut line));
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // There is nobody left to tell.
        let _ = io::Write::write_all(&mut self.writer.make_writer(), text.as_bytes());
    }
}

struct Reading<'a>(&'a mut Map<String, Value>);

impl Reading<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Reading<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Mutex, PoisonError};

    use crossdock_core::Timestamp;
    use serde_json::json;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            "2026-11-21T12:00:00Z".parse().unwrap()
        }
    }

    /// The lines that are written while `run` runs.
    pub(in crate::function::telemetry) fn lines(run: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::registry().with(layer(Arc::new(Noon), move || to.clone()));
        tracing::subscriber::with_default(subscriber, run);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_all_spans_around_it() {
        let lines = lines(|| {
            let invocation =
                tracing::info_span!("invocation", request_id = "r1", hub = "shop", xray = Option::<&str>::None);
            let _in = invocation.enter();
            let record = tracing::info_span!("record", endpoint = "mail", hub = tracing::field::Empty);
            record.record("hub", "nearer");
            let _in = record.enter();
            let id = 7;
            tracing::warn!(target: "t", id = %id, count = 3_u64, good = true, "line\nfeed");
        });
        let expected = json!({
            "time": "2026-11-21T12:00:00Z", "level": "WARN", "target": "t", "request_id": "r1", "endpoint": "mail",
            "hub": "nearer", "id": "7", "count": 3, "good": true, "message": "line\nfeed",
        });
        assert_eq!(lines, [expected]);
    }
}

//! Event: purchases as an app sends them, and the EventSchema that describes them.
//!
//! In: a [`Shape`] and what shall be different about the events. Out: JSON texts, the same ones on every run, and the schema's fields in YAML.
//! Not here: which shapes are measured (`workload.rs`).

/// How an event looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// How many of [`FIELDS`] it has.
    pub(crate) n_fields: usize,
    /// Whether fields of one group stand in an object of their own.
    pub(crate) is_nested: bool,
}

/// What is different about the events of a workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Change {
    /// Nothing: every rule is kept.
    Nothing,
    /// The event type is the last member, so that it is found late.
    TypeLast,
    /// The same, and two event types come in turn.
    TypesInTurn,
    /// No schema describes the event type.
    TypeUnknown,
    /// The event type is a number.
    TypeWrong,
    /// The last field has another type.
    WrongType,
    /// The amount is below its minimum.
    OutOfRange,
    /// A field that is required is not there.
    Missing,
    /// The last brace is not there.
    BrokenEnd,
    /// There are more members, written here.
    More(&'static str),
}

/// Where numbers come from (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of(&mut self, texts: &[&str]) -> String {
        format!("\"{}\"", texts[self.below(texts.len() as u64) as usize])
    }
}

/// A field: its group, its name in it, what the schema says of it, and its value as JSON.
struct Field(&'static str, &'static str, &'static str, fn(&mut Random) -> String);

/// The first 15 make events of 500 bytes, all of them events of 1,600.
const FIELDS: [Field; 38] = [
    Field("user", "id", "type: String, required: true, maxLength: 64", |r| {
        format!("\"user-{}\"", r.below(100_000))
    }),
    Field("user", "session", "type: UUID, required: true", |r| {
        format!("\"01234567-89ab-cdef-{:04x}-{:012x}\"", r.below(1 << 16), r.below(1 << 48))
    }),
    Field("order", "id", "type: String, required: true, maxLength: 64", |r| {
        format!("\"order-{:012}\"", r.below(1 << 39))
    }),
    Field("order", "amount", "type: 'Decimal(18, 2)', required: true, minimum: 0", |r| {
        format!("{}.{:02}", r.below(10_000), r.below(100))
    }),
    Field("order", "currency", "type: String, enum: [USD, EUR, GBP], default: USD", |r| {
        r.of(&["USD", "EUR", "GBP"])
    }),
    Field("order", "quantity", "type: UInt16, required: true, minimum: 1", |r| (1 + r.below(9)).to_string()),
    Field("order", "is_gift", "type: Bool", |r| (r.below(2) == 0).to_string()),
    Field("order", "items", "type: Array(Int32)", |r| {
        format!("[{},{},{}]", r.below(1000), r.below(1000), r.below(7))
    }),
    Field("app", "platform", "type: String, enum: [ios, android, web], required: true", |r| {
        r.of(&["ios", "android", "web"])
    }),
    Field("app", "version", "type: String, maxLength: 32", |r| format!("\"7.{}.1\"", r.below(30))),
    Field("device", "model", "type: String", |r| format!("\"iPhone17,{}\"", r.below(6))),
    Field("device", "os", "type: String", |r| format!("\"iOS 26.{}\"", r.below(5))),
    Field("page", "url", "type: String, maxLength: 2048", |r| {
        format!("\"https://shop.example/p/{:08x}\"", r.below(1 << 32))
    }),
    Field("page", "score", "type: Float64", |r| format!("0.{}", r.below(1_000_000))),
    Field("", "sent_at", "type: DateTime64(3), coerce: true", |r| {
        (1_769_860_800_000 + r.below(100_000)).to_string()
    }),
    Field("geo", "country", "type: String, enum: [DE, FR, US, JP, BR]", |r| {
        r.of(&["DE", "FR", "US", "JP", "BR"])
    }),
    Field("geo", "region", "type: String", |r| {
        r.of(&["Niedersachsen", "Normandie", "Oregon", "Hokkaido", "Bahia"])
    }),
    Field("geo", "city", "type: String", |r| {
        r.of(&["Göttingen", "Rouen", "Portland", "Sapporo", "Salvador"])
    }),
    Field("geo", "latitude", "type: Float64, minimum: -90, maximum: 90", |r| {
        format!("-{}.{:06}", r.below(90), r.below(1_000_000))
    }),
    Field("geo", "longitude", "type: Float64, minimum: -180, maximum: 180", |r| {
        format!("{}.{:06}", r.below(180), r.below(1_000_000))
    }),
    Field("geo", "timezone", "type: String", |r| {
        r.of(&["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo"])
    }),
    Field("campaign", "source", "type: String", |r| r.of(&["newsletter", "search", "partner"])),
    Field("campaign", "medium", "type: String", |r| r.of(&["email", "cpc", "affiliate"])),
    Field("campaign", "name", "type: String", |r| {
        format!("\"spring-sale-2026-week-{:02}-audience-{:04}\"", r.below(52), r.below(5_000))
    }),
    Field("campaign", "term", "type: String", |r| format!("\"running shoes size {}\"", 36 + r.below(12))),
    Field("campaign", "content", "type: String", |r| {
        format!("\"banner-{:08x}-variant-{}\"", r.below(1 << 32), r.below(4))
    }),
    Field("campaign", "click_id", "type: String, maxLength: 128", |r| {
        format!("\"{:016x}{:016x}{:016x}{:016x}\"", r.next(), r.next(), r.next(), r.next())
    }),
    Field("screen", "width", "type: UInt16", |r| (320 + r.below(2_000)).to_string()),
    Field("screen", "height", "type: UInt16", |r| (480 + r.below(2_000)).to_string()),
    Field("screen", "density", "type: Float32", |r| format!("{}.5", 1 + r.below(3))),
    Field("network", "type", "type: String, enum: [wifi, 4g, 5g]", |r| r.of(&["wifi", "4g", "5g"])),
    Field("network", "carrier", "type: String", |r| {
        r.of(&["Example Mobile", "Sample Telecom", "Test Wireless"])
    }),
    Field("experiment", "name", "type: String", |r| {
        format!("\"checkout-button-colour-{:03}\"", r.below(200))
    }),
    Field("experiment", "variant", "type: String", |r| r.of(&["control", "treatment"])),
    Field("", "title", "type: String", |r| {
        format!(
            "\"Running shoes number {:05} for men, women and children, in all sizes, in all colours and with free returns within thirty days | Example Shop\"",
            r.below(100_000)
        )
    }),
    Field("", "referrer", "type: String, maxLength: 2048", |r| {
        format!(
            "\"https://search.example.com/results?query=running+shoes&page={}&session={:016x}&safe=on&language=en&region=europe&source=address-bar\"",
            r.below(9),
            r.next()
        )
    }),
    Field("", "locale", "type: String", |r| r.of(&["de-DE", "fr-FR", "en-US"])),
    Field("", "user_agent", "type: String", |r| {
        format!(
            "\"Mozilla/5.0 (iPhone; CPU iPhone OS 26_{} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.{} Mobile/15E148 Safari/604.1\"",
            r.below(5),
            r.below(5)
        )
    }),
];

impl Shape {
    /// The schema's lines about the fields of these events; `more` adds to what it says of a field of that name.
    pub(crate) fn schema(self, more: (&str, &str)) -> String {
        let lines = FIELDS[..self.n_fields].iter().map(|Field(group, name, says, _)| {
            let name = match (*group, self.is_nested) {
                ("", _) => (*name).to_owned(),
                (group, true) => format!("{group}.{name}"),
                (group, false) => format!("{group}_{name}"),
            };
            let more = if name == more.0 { more.1 } else { "" };
            format!("    - {{name: {name}, {says}{more}}}\n")
        });
        lines.collect()
    }

    /// As many events as asked for.
    pub(crate) fn events(self, change: Change, n_events: usize) -> Vec<String> {
        let mut random = Random(0x5eed);
        (0..n_events).map(|index| self.event(change, index, &mut random)).collect()
    }

    fn event(self, change: Change, index: usize, random: &mut Random) -> String {
        let (first, last) = match change {
            Change::TypesInTurn if index % 2 == 1 => ("{", ",\"event\":\"refund\"}"),
            Change::TypesInTurn => ("{", ",\"event\":\"purchase\"}"),
            Change::TypeLast => ("{", ",\"event\":\"purchase\"}"),
            Change::TypeUnknown => ("{\"event\":\"purchased\",", "}"),
            Change::TypeWrong => ("{\"event\":1,", "}"),
            Change::BrokenEnd => ("{\"event\":\"purchase\",", ""),
            Change::More(members) => ("{\"event\":\"purchase\",", members),
            Change::Nothing | Change::WrongType | Change::OutOfRange | Change::Missing => {
                ("{\"event\":\"purchase\",", "}")
            }
        };
        let mut event = format!(
            "{first}\"event_id\":\"{:016x}{:016x}\",\"event_time\":\"2026-01-31T10:{:02}:{:02}.{:03}Z\"",
            random.next(),
            random.next(),
            random.below(60),
            random.below(60),
            random.below(1000)
        );
        let mut open = "";
        for (index, Field(group, name, _, value)) in FIELDS[..self.n_fields].iter().enumerate() {
            let value = value(random);
            let is_last = index + 1 == self.n_fields;
            if change == Change::Missing && *name == "session" {
                continue;
            }
            let value = if change == Change::WrongType && is_last {
                "true".to_owned()
            } else if change == Change::OutOfRange && *name == "amount" {
                format!("-{value}")
            } else {
                value
            };
            let joint = if self.is_nested { *group } else { "" };
            if open != joint && !open.is_empty() {
                event.push('}');
            }
            let before = match (*group, self.is_nested) {
                ("", _) => ",\"".to_owned(),
                (group, false) => format!(",\"{group}_"),
                (group, true) if open == group => ",\"".to_owned(),
                (group, true) => format!(",\"{group}\":{{\""),
            };
            event += &format!("{before}{name}\":{value}");
            open = joint;
        }
        if !open.is_empty() {
            event.push('}');
        }
        event + last
    }
}

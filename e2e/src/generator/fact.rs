//! What happens in the shop, before any app gives it a shape.
//!
//! In: random numbers and a time. Out: a [`Happening`]: who, when, and one of three facts.
//! Names and nesting are not here; they are the apps' (`shape.rs`).

use super::random::Random;

const ARTICLES: [(&str, u64); 12] = [
    ("espresso-cup", 690),
    ("notebook", 890),
    ("socks", 1_190),
    ("poster", 1_490),
    ("water-bottle", 1_790),
    ("novel", 1_299),
    ("t-shirt", 1_950),
    ("desk-lamp", 2_990),
    ("backpack", 4_495),
    ("headphones", 5_900),
    ("rain-jacket", 8_990),
    ("folding-bicycle", 64_900),
];
const PATHS: [&str; 8] =
    ["/", "/search", "/basket", "/checkout", "/account", "/article/novel", "/article/headphones", "/offers"];
const DOMAINS: [&str; 4] = ["example.com", "example.org", "mail.example.net", "post.example.com"];
const COUNTRIES: [&str; 6] = ["DE", "FR", "US", "GB", "NL", "ES"];

/// Type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Purchase,
    PageView,
    SignUp,
}

impl EventType {
    /// Picks as a shop sees them: many look, some buy, few sign up.
    pub(crate) fn pick(random: &mut Random) -> Self {
        match random.below(100) {
            0..14 => Self::Purchase,
            14..20 => Self::SignUp,
            _ => Self::PageView,
        }
    }

    /// The event type of the schema, as it stands in the table.
    pub(crate) fn canonical(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::PageView => "page_view",
            Self::SignUp => "sign_up",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) id: String,
    pub(crate) at: i64,
    pub(crate) user: String,
    pub(crate) fact: Fact,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    Purchase {
        order: String,
        cents: u64,
        currency: &'static str,
        items: Vec<&'static str>,
        coupon: Option<&'static str>,
    },
    PageView {
        path: &'static str,
        milliseconds: u64,
        session: String,
        battery: u64,
    },
    SignUp {
        method: &'static str,
        email: String,
        country: &'static str,
        age: u64,
        newsletter: bool,
    },
}

impl Happening {
    /// Makes one up.
    pub(crate) fn new(random: &mut Random, event_type: EventType, at: i64, users: u64) -> Self {
        // The smaller of two numbers: some users are far busier than others.
        let user = random.below(users).min(random.below(users));
        let fact = match event_type {
            EventType::Purchase => purchase(random),
            EventType::PageView => Fact::PageView {
                path: random.pick(&PATHS),
                milliseconds: 200 + random.below(90_000),
                // A session lasts ten minutes of the clock, so that a user's views share it.
                session: Random::new(user.wrapping_mul(1_000_003) ^ (at / 600_000) as u64).uuid(),
                battery: random.below(101),
            },
            EventType::SignUp => Fact::SignUp {
                method: random.pick(&["email", "apple", "google"]),
                email: format!("visitor{}@{}", random.below(1_000_000), random.pick(&DOMAINS)),
                country: random.pick(&COUNTRIES),
                age: 16 + random.below(60),
                newsletter: random.chance(1, 3),
            },
        };
        Self { id: random.uuid(), at, user: format!("u-{user:05}"), fact }
    }

    /// The type of the event.
    pub(crate) fn event_type(&self) -> EventType {
        match self.fact {
            Fact::Purchase { .. } => EventType::Purchase,
            Fact::PageView { .. } => EventType::PageView,
            Fact::SignUp { .. } => EventType::SignUp,
        }
    }

    /// What was paid; 0 when nothing was bought.
    pub(crate) fn cents(&self) -> u64 {
        match self.fact {
            Fact::Purchase { cents, .. } => cents,
            Fact::PageView { .. } | Fact::SignUp { .. } => 0,
        }
    }
}

fn purchase(random: &mut Random) -> Fact {
    let mut items = Vec::new();
    let mut cents = 0;
    for _ in 0..=random.below(3) {
        // The bicycle, last in the list, is bought seldom.
        let choice = if random.chance(1, 50) {
            ARTICLES.len() as u64 - 1
        } else {
            random.below(ARTICLES.len() as u64 - 1)
        };
        let (article, price) = ARTICLES[choice as usize];
        items.push(article);
        cents += price;
    }
    Fact::Purchase {
        order: format!("{}-{:08}", random.pick(&["EU", "US", "UK"]), random.below(100_000_000)),
        cents,
        currency: random.pick(&["USD", "EUR", "EUR", "GBP"]),
        items,
        coupon: random.chance(1, 10).then_some("WELCOME"),
    }
}

//! The events of the benchmark as fixed structs, borrowed from the record.
//!
//! In: the names of `e2e/bench/schema.yaml`, written once more, as a service does that knows its one event. Out: what fills columns,
//! in the order of the fields. Not here: checks; a value of another type and a missing one do not decode.

use std::slice::IterMut;

use serde::Deserialize;

use super::cells::{Choice, Decimal, Id, Moment};
use super::columns::{Column, Fill};

/// Where a record stood, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position<'a> {
    pub(super) topic: &'a str,
    pub(super) received: i64,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl Fill for Position<'_> {
    fn fill(&self, columns: &mut IterMut<'_, Column>) {
        Choice(self.topic).fill(columns);
        self.received.fill(columns);
        self.partition.fill(columns);
        self.offset.fill(columns);
    }
}

/// Writes structs whose fields fill columns in their order. A function cannot make structs.
macro_rules! events {
    ($($name:ident { $($(#[$borrow:meta])? $field:ident: $kind:ty,)* })*) => {$(
        #[derive(Debug, Deserialize)]
        pub(super) struct $name<'a> {
            $($(#[$borrow])? $field: $kind,)*
        }

        impl Fill for $name<'_> {
            fn fill(&self, columns: &mut IterMut<'_, Column>) {
                $(self.$field.fill(columns);)*
            }
        }
    )*};
}

events! {
    User {
        id: &'a str,
        session: Id<'a>,
    }

    Order {
        id: &'a str,
        amount: Decimal,
        currency: Choice<'a>,
        quantity: u16,
    }

    Device {
        platform: Choice<'a>,
        version: Option<&'a str>,
        model: Option<&'a str>,
        os: Option<&'a str>,
    }

    Page {
        url: Option<&'a str>,
        score: Option<f64>,
    }

    Network {
        carrier: Option<&'a str>,
        kind: Choice<'a>,
        latency: Option<u32>,
        is_roaming: Option<bool>,
    }

    Place {
        country: Choice<'a>,
        region: Option<&'a str>,
        city: Option<&'a str>,
        latitude: Option<f64>,
        longitude: Option<f64>,
        zone: Option<&'a str>,
    }

    Campaign {
        id: &'a str,
        source: Option<&'a str>,
        medium: Choice<'a>,
        landing: Option<&'a str>,
        clicked_at: Option<Moment<'a>>,
    }

    Cart {
        #[serde(borrow)] id: Id<'a>,
        total: Decimal,
        discount: Option<Decimal>,
        lines: Option<u16>,
        skus: [i32; 3],
    }

    SmallFlat {
        event: Choice<'a>,
        event_id: &'a str,
        event_time: Moment<'a>,
        user_id: &'a str,
        user_session: Id<'a>,
        order_id: &'a str,
        order_amount: Decimal,
        order_currency: Choice<'a>,
        order_quantity: u16,
        device_platform: Choice<'a>,
        device_version: Option<&'a str>,
        device_model: Option<&'a str>,
        device_os: Option<&'a str>,
        page_url: Option<&'a str>,
        page_score: Option<f64>,
        sent_at: Option<Moment<'a>>,
        is_gift: Option<bool>,
        items: [i32; 3],
    }

    SmallNested {
        event: Choice<'a>,
        event_id: &'a str,
        event_time: Moment<'a>,
        user: User<'a>,
        order: Order<'a>,
        device: Device<'a>,
        page: Page<'a>,
        sent_at: Option<Moment<'a>>,
        is_gift: Option<bool>,
        items: [i32; 3],
    }

    LargeFlat {
        event: Choice<'a>,
        event_id: &'a str,
        event_time: Moment<'a>,
        user_id: &'a str,
        user_session: Id<'a>,
        order_id: &'a str,
        order_amount: Decimal,
        order_currency: Choice<'a>,
        order_quantity: u16,
        device_platform: Choice<'a>,
        device_version: Option<&'a str>,
        device_model: Option<&'a str>,
        device_os: Option<&'a str>,
        page_url: Option<&'a str>,
        page_score: Option<f64>,
        sent_at: Option<Moment<'a>>,
        is_gift: Option<bool>,
        items: [i32; 3],
        network_carrier: Option<&'a str>,
        network_kind: Choice<'a>,
        network_latency: Option<u32>,
        network_is_roaming: Option<bool>,
        place_country: Choice<'a>,
        place_region: Option<&'a str>,
        place_city: Option<&'a str>,
        place_latitude: Option<f64>,
        place_longitude: Option<f64>,
        place_zone: Option<&'a str>,
        campaign_id: &'a str,
        campaign_source: Option<&'a str>,
        campaign_medium: Choice<'a>,
        campaign_landing: Option<&'a str>,
        campaign_clicked_at: Option<Moment<'a>>,
        cart_id: Id<'a>,
        cart_total: Decimal,
        cart_discount: Option<Decimal>,
        cart_lines: Option<u16>,
        cart_skus: [i32; 3],
        referrer: Option<&'a str>,
        agent: Option<&'a str>,
        retries: Option<u8>,
    }

    LargeNested {
        event: Choice<'a>,
        event_id: &'a str,
        event_time: Moment<'a>,
        user: User<'a>,
        order: Order<'a>,
        device: Device<'a>,
        page: Page<'a>,
        sent_at: Option<Moment<'a>>,
        is_gift: Option<bool>,
        items: [i32; 3],
        network: Network<'a>,
        place: Place<'a>,
        campaign: Campaign<'a>,
        cart: Cart<'a>,
        referrer: Option<&'a str>,
        agent: Option<&'a str>,
        retries: Option<u8>,
    }
}

//! A client of one running sandbox: the vendor's side and the admin side.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use sandbox::Sandbox;
use sandbox::server::{self, Running};
use sandbox::sikka::profile::Profile;
use sandbox::sikka::seed::Seed;
use sandbox::vapi::{Player, PlayerSettings};
use serde_json::{Value, json};

pub(crate) const OFFICE: &str = "D10001";

/// An answer of the vendor, read to its end.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn code(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error_code"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The rows of a list, none for 204.
    pub(crate) fn items(&self) -> Vec<Value> {
        if self.status == 204 {
            return Vec::new();
        }
        self.json()["items"].as_array().cloned().unwrap_or_else(|| panic!("no items in {self:?}"))
    }

    /// The id in a receipt.
    pub(crate) fn receipt(&self) -> u64 {
        let body = self.json();
        let text = body["long_message"].as_str().unwrap_or_default();
        text.strip_prefix("Id:").and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id in {self:?}"))
    }
}

pub(crate) struct Desk {
    pub(crate) http: reqwest::Client,
    pub(crate) vendor: String,
    pub(crate) admin: String,
    pub(crate) key: String,
    pub(crate) refresh_key: String,
    running: Running,
}

impl Desk {
    /// A sandbox of one Open Dental office.
    pub(crate) async fn open() -> Self {
        Self::with(Seed::default()).await
    }

    /// A sandbox of one office with the given PMS.
    pub(crate) async fn of(profile: Profile) -> Self {
        Self::with(Seed { pms: vec![profile], ..Seed::default() }).await
    }

    pub(crate) async fn with(seed: Seed) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let player = Player::new(PlayerSettings::default()).expect("a player should be made");
        let sandbox = Arc::new(Sandbox::new(seed));
        let running = server::start("127.0.0.1", 0, 0, sandbox, player).expect("the sandbox should listen");
        let ports = running.ports();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build();
        let mut desk = Self {
            http: http.expect("a client should be made"),
            vendor: format!("http://127.0.0.1:{}/v4", ports.port),
            admin: format!("http://127.0.0.1:{}/admin", ports.admin_port),
            key: String::new(),
            refresh_key: String::new(),
            running,
        };
        let told = desk.grant(OFFICE).await;
        desk.take(&told);
        desk
    }

    pub(crate) fn take(&mut self, told: &Told) {
        let text = |name: &str| told.json()[name].as_str().unwrap_or_default().to_owned();
        self.key = text("request_key");
        self.refresh_key = text("refresh_key");
    }

    pub(crate) async fn close(self) {
        self.running.stop().await;
    }

    pub(crate) async fn grant(&self, office: &str) -> Told {
        self.request_key(json!({
            "grant_type": "request_key", "app_id": "sandbox-app", "app_key": "sandbox-app-key",
            "office_id": office, "secret_key": format!("sandbox-secret-{office}"),
        }))
        .await
    }

    pub(crate) async fn refresh_grant(&self, refresh_key: &str) -> Told {
        self.request_key(json!({
            "grant_type": "refresh_key", "app_id": "sandbox-app", "app_key": "sandbox-app-key",
            "refresh_key": refresh_key,
        }))
        .await
    }

    pub(crate) async fn request_key(&self, body: Value) -> Told {
        self.told(self.http.post(format!("{}/request_key", self.vendor)).json(&body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        let url = format!("{}/{path}", self.vendor);
        self.told(self.http.get(url).header("Request-Key", &self.key)).await
    }

    /// A call with the application's own credentials.
    pub(crate) async fn app(&self, method: Method, path: &str) -> Told {
        let request = self.http.request(method, format!("{}/{path}", self.vendor));
        self.told(request.header("App-Id", "sandbox-app").header("App-Key", "sandbox-app-key")).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Told {
        self.told(self.writing(method, path, &body)).await
    }

    pub(crate) fn writing(&self, method: Method, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}/{path}", self.vendor));
        request.header("Request-Key", &self.key).json(body)
    }

    pub(crate) async fn told(&self, request: reqwest::RequestBuilder) -> Told {
        let response = request.send().await.expect("the sandbox should answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Told { status, headers, text: response.text().await.expect("the answer should end") }
    }

    pub(crate) async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let told = self.told(self.http.request(method, format!("{}/{path}", self.admin)).json(&body)).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.json()
    }

    pub(crate) async fn look(&self, path: &str) -> Value {
        let told = self.told(self.http.get(format!("{}/{path}", self.admin))).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.json()
    }

    pub(crate) async fn dial(&self, faults: Value) {
        self.admin(Method::POST, "sikka/faults", faults).await;
    }

    pub(crate) async fn advance(&self, seconds: u32) {
        self.admin(Method::POST, "clock/advance", json!({ "seconds": seconds })).await;
    }

    /// Moves past the longest writeback.
    pub(crate) async fn wait_for_writebacks(&self) {
        self.advance(161).await;
    }

    /// The day the simulated practice has, moved on to the next Monday to Thursday that is fully open.
    pub(crate) async fn open_day(&self) -> String {
        let now: jiff::Timestamp = self.look("clock").await["now"]
            .as_str()
            .and_then(|now| now.parse().ok())
            .expect("the clock has a time");
        let zone = jiff::tz::TimeZone::get("America/New_York").expect("the zone is bundled");
        let mut day = zone.to_datetime(now).date().tomorrow().expect("there is a tomorrow");
        while day.weekday().to_monday_zero_offset() > 3 {
            day = day.tomorrow().expect("there is a day after");
        }
        day.to_string()
    }

    /// A booking for Maria in the first half hour of `day` that nobody has taken in OP1 or with DR1.
    pub(crate) async fn booking(&self, day: &str) -> Value {
        let pms = self.look(&format!("sikka/offices/{OFFICE}/pms")).await;
        let taken: Vec<(i64, i64)> = pms["appointments"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|held| {
                held["date"] == day && (held["operatory"] == "OP1" || held["provider_id"] == "DR1")
            })
            .map(|held| {
                let time = held["time"].as_str().unwrap_or_default();
                let part = |range: std::ops::Range<usize>| time[range].parse::<i64>().unwrap_or(0);
                let start = part(0..2) * 60 + part(3..5);
                (start, start + held["length"].as_i64().unwrap_or(0))
            })
            .collect();
        let free = (480..1020)
            .step_by(30)
            .filter(|start| *start != 720 && *start != 750)
            .find(|start| taken.iter().all(|(from, to)| start + 30 <= *from || to <= start))
            .expect("a day leaves half an hour free");
        json!({
            "patient_id": "101", "provider_id": "DR1", "practice_id": "1", "operatory": "OP1", "date": day,
            "time": format!("{:02}:{:02}", free / 60, free % 60), "length": "30",
            "description": "Phone booking ref ABCD2345",
        })
    }

    /// The only row of `writeback_status`.
    pub(crate) async fn writeback(&self, id: u64) -> Value {
        let items = self.get(&format!("writeback_status?id={id}")).await.items();
        assert_eq!(items.len(), 1);
        items.into_iter().next().unwrap_or_default()
    }

    /// Sends a write, lets the PMS work it off, and returns its status row.
    pub(crate) async fn finished(&self, method: Method, path: &str, body: Value) -> Value {
        let id = self.send(method, path, body).await.receipt();
        self.wait_for_writebacks().await;
        self.writeback(id).await
    }

    /// How many appointments the PMS itself holds with this description.
    pub(crate) async fn held_in_pms(&self, description: &str) -> usize {
        let pms = self.look(&format!("sikka/offices/{OFFICE}/pms")).await;
        let held = pms["appointments"].as_array().cloned().unwrap_or_default();
        held.iter().filter(|held| held["description"] == description).count()
    }
}

use std::collections::HashMap;

use domain::{AppointmentState, Chair, Clinician, DayBook, ResourceKind, Window};

use crate::Held;
use crate::spans::Spans;
use crate::takes_patients;

/// The feed's say over one clinician and one chair.
#[derive(Debug)]
struct Fed {
    spans: Spans,
    starts: Vec<i64>,
}

/// What is free in a day book, once everything known to be busy is taken out of it.
#[derive(Debug)]
pub(crate) struct Free<'a> {
    pub(crate) clinicians: Vec<(&'a Clinician, Spans)>,
    chairs: Vec<(&'a Chair, Spans)>,
    /// By place of clinician and chair; `None` where the practice's system has no feed.
    fed: Option<HashMap<(usize, usize), Fed>>,
}

impl<'a> Free<'a> {
    /// Working hours without appointments and holds, for everyone and everything that can be booked.
    pub(crate) fn of(book: &'a DayBook, held: &[Held]) -> Self {
        let busy = Busy::of(book, held);
        let clinicians: Vec<_> = book
            .clinicians
            .iter()
            .filter(|clinician| takes_patients(clinician))
            .map(|clinician| {
                let id = clinician.vendor_id.as_str();
                let taken = busy.spans(&busy.clinicians, id);
                (clinician, open(book, ResourceKind::Clinician, id).without(&taken))
            })
            .collect();
        let chairs: Vec<_> = book
            .chairs
            .iter()
            .filter(|chair| chair.bookable)
            .map(|chair| {
                let id = chair.vendor_id.as_str();
                (chair, open(book, ResourceKind::Chair, id).without(&busy.spans(&busy.chairs, id)))
            })
            .collect();
        let fed = book.feed.as_ref().map(|_| feed(book, &clinicians, &chairs));
        Self { clinicians, chairs, fed }
    }

    /// The places of the chairs that `clinician` may use: their own before anyone's.
    pub(crate) fn chairs_of(&self, clinician: &str) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.chairs.len())
            .filter(|place| self.chairs.get(*place).is_some_and(|(chair, _)| serves(chair, clinician)))
            .collect();
        places.sort_by_key(|place| {
            self.chairs.get(*place).is_none_or(|(chair, _)| chair.clinicians.is_empty())
        });
        places
    }

    /// The first of `chairs` that is free from `start` to `end` together with the clinician.
    pub(crate) fn chair(
        &self,
        clinician: usize,
        chairs: &[usize],
        start: i64,
        end: i64,
    ) -> Option<&'a Chair> {
        chairs.iter().find_map(|&place| {
            let (chair, free) = self.chairs.get(place)?;
            let allowed = match &self.fed {
                None => true,
                Some(fed) => fed.get(&(clinician, place)).is_some_and(|fed| {
                    fed.starts.binary_search(&start).is_ok() && fed.spans.hold(start, end)
                }),
            };
            (allowed && free.hold(start, end)).then_some(*chair)
        })
    }

    pub(crate) fn chair_id(&self, place: usize) -> Option<&str> {
        self.chairs.get(place).map(|(chair, _)| chair.vendor_id.as_str())
    }

    /// When a slot of this clinician may begin, where the feed says so.
    pub(crate) fn fed_starts(&self, clinician: usize) -> Option<Vec<i64>> {
        let fed = self.fed.as_ref()?;
        let mut starts: Vec<i64> = fed
            .iter()
            .filter(|((who, _), _)| *who == clinician)
            .flat_map(|(_, fed)| fed.starts.iter().copied())
            .collect();
        starts.sort_unstable();
        starts.dedup();
        Some(starts)
    }
}

fn serves(chair: &Chair, clinician: &str) -> bool {
    chair.clinicians.is_empty() || chair.clinicians.iter().any(|id| id == clinician)
}

fn seconds(window: &Window) -> (i64, i64) {
    (window.start.as_second(), window.end.as_second())
}

/// The hours of one resource inside the practice's. A resource without rows follows the practice's; a
/// practice without rows does not narrow anybody's; nobody's rows at all is closed.
fn open(book: &DayBook, kind: ResourceKind, id: &str) -> Spans {
    if book.feed.is_some() {
        return Spans::of(vec![seconds(&book.covers)]);
    }
    let rows = |kind: ResourceKind, id: Option<&str>| {
        let rows = book.hours.iter().filter(|hours| {
            hours.resource.kind == kind && id.is_none_or(|id| hours.resource.vendor_id == id)
        });
        Spans::of(rows.map(|hours| seconds(&hours.window)).collect())
    };
    let practice = rows(ResourceKind::Practice, None);
    let own = rows(kind, Some(id));
    let narrowed = match (practice.is_empty(), own.is_empty()) {
        (_, true) => practice,
        (true, false) => own,
        (false, false) => practice.and(&own),
    };
    narrowed.and(&Spans::of(vec![seconds(&book.covers)]))
}

fn feed<'a>(
    book: &'a DayBook,
    clinicians: &[(&'a Clinician, Spans)],
    chairs: &[(&'a Chair, Spans)],
) -> HashMap<(usize, usize), Fed> {
    let entries = book.feed.as_deref().unwrap_or_default();
    let mut fed = HashMap::new();
    for (who, (clinician, _)) in clinicians.iter().enumerate() {
        for (place, (chair, _)) in chairs.iter().enumerate() {
            if !serves(chair, &clinician.vendor_id) {
                continue;
            }
            let windows: Vec<(i64, i64)> = entries
                .iter()
                .filter(|(_, resources)| {
                    names(resources, ResourceKind::Clinician, &clinician.vendor_id)
                        && names(resources, ResourceKind::Chair, &chair.vendor_id)
                })
                .map(|(window, _)| seconds(window))
                .collect();
            let mut starts: Vec<i64> = windows.iter().map(|window| window.0).collect();
            starts.sort_unstable();
            fed.insert((who, place), Fed { spans: Spans::of(windows), starts });
        }
    }
    fed
}

/// Whether a feed's entry is about this resource; one that names none of the kind is about all.
fn names(resources: &[domain::Resource], kind: ResourceKind, id: &str) -> bool {
    let mut of_kind = resources.iter().filter(|resource| resource.kind == kind).peekable();
    of_kind.peek().is_none() || of_kind.any(|resource| resource.vendor_id == id)
}

/// Everything known to be busy, by clinician and by chair.
#[derive(Debug, Default)]
struct Busy<'a> {
    clinicians: HashMap<&'a str, Vec<(i64, i64)>>,
    chairs: HashMap<&'a str, Vec<(i64, i64)>>,
    /// Of entries that name neither: nobody can tell whom they take, so they take everyone.
    everyone: Vec<(i64, i64)>,
}

impl<'a> Busy<'a> {
    fn of(book: &'a DayBook, held: &'a [Held]) -> Self {
        let mut busy = Self::default();
        for appointment in &book.appointments {
            // A status word that we do not know counts as taking its time.
            if appointment.state != AppointmentState::Cancelled {
                busy.add(&appointment.window, appointment.clinician.as_deref(), appointment.chair.as_deref());
            }
        }
        for hold in held {
            busy.add(&hold.window, hold.clinician.as_deref(), hold.chair.as_deref());
        }
        busy
    }

    fn add(&mut self, window: &Window, clinician: Option<&'a str>, chair: Option<&'a str>) {
        let (start, end) = seconds(window);
        // An entry without a length still stands where it begins.
        let span = (start, end.max(start + 60));
        if let Some(clinician) = clinician {
            self.clinicians.entry(clinician).or_default().push(span);
        }
        if let Some(chair) = chair {
            self.chairs.entry(chair).or_default().push(span);
        }
        if clinician.is_none() && chair.is_none() {
            self.everyone.push(span);
        }
    }

    fn spans(&self, of: &HashMap<&'a str, Vec<(i64, i64)>>, id: &str) -> Spans {
        let mut spans = of.get(id).cloned().unwrap_or_default();
        spans.extend_from_slice(&self.everyone);
        Spans::of(spans)
    }
}

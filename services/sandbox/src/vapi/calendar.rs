use jiff::civil::{Date, Weekday};
use jiff::{Span, Timestamp, tz::TimeZone};

/// Dates as a caller says them, in the practice's time zone.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    today: Date,
}

impl Calendar {
    pub(super) fn new(now: Timestamp, zone: &TimeZone) -> Self {
        Self { today: zone.to_datetime(now).date() }
    }

    /// The date a word stands for: `today`, `tomorrow`, `yesterday`, `next_weekday`, `day+3`, `day-1`, `weekday+2`.
    pub(super) fn find(&self, word: &str) -> Option<Date> {
        match word {
            "today" => Some(self.today),
            "tomorrow" => self.day(1),
            "yesterday" => self.day(-1),
            "next_weekday" => self.weekday(1),
            _ => {
                if let Some(count) = word.strip_prefix("weekday+") {
                    return self.weekday(count.parse().ok()?);
                }
                self.day(word.strip_prefix("day")?.parse().ok()?)
            }
        }
    }

    fn day(&self, count: i64) -> Option<Date> {
        self.today.checked_add(Span::new().try_days(count).ok()?).ok()
    }

    /// The n-th day after today that is neither Saturday nor Sunday.
    fn weekday(&self, count: u16) -> Option<Date> {
        let open = |date: &Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        let mut date = self.today;
        for _ in 0..count {
            date = date.tomorrow().ok()?;
            while !open(&date) {
                date = date.tomorrow().ok()?;
            }
        }
        Some(date)
    }
}

/// A date the way it is said: `Monday, March 2`, `lunes 2 de marzo` or `lundi 2 mars`.
pub(super) fn spoken(date: Date, language: &str) -> String {
    const DAYS: [[&str; 3]; 7] = [
        ["Monday", "lunes", "lundi"],
        ["Tuesday", "martes", "mardi"],
        ["Wednesday", "miércoles", "mercredi"],
        ["Thursday", "jueves", "jeudi"],
        ["Friday", "viernes", "vendredi"],
        ["Saturday", "sábado", "samedi"],
        ["Sunday", "domingo", "dimanche"],
    ];
    const MONTHS: [[&str; 3]; 12] = [
        ["January", "enero", "janvier"],
        ["February", "febrero", "février"],
        ["March", "marzo", "mars"],
        ["April", "abril", "avril"],
        ["May", "mayo", "mai"],
        ["June", "junio", "juin"],
        ["July", "julio", "juillet"],
        ["August", "agosto", "août"],
        ["September", "septiembre", "septembre"],
        ["October", "octubre", "octobre"],
        ["November", "noviembre", "novembre"],
        ["December", "diciembre", "décembre"],
    ];
    let column = match language {
        "es" => 1,
        "fr" => 2,
        _ => 0,
    };
    let index = |number: i8| usize::try_from(number).unwrap_or_default();
    let day = DAYS[index(date.weekday().to_monday_zero_offset())][column];
    let month = MONTHS[index(date.month() - 1)][column];
    match column {
        1 => format!("{day} {} de {month}", date.day()),
        2 => format!("{day} {} {month}", date.day()),
        _ => format!("{day}, {month} {}", date.day()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(now: &str) -> Calendar {
        Calendar::new(now.parse().unwrap(), &TimeZone::get("America/New_York").unwrap())
    }

    #[test]
    fn today_is_the_practices_today_even_when_utc_is_a_day_ahead() {
        assert_eq!(on("2026-03-03T02:00:00Z").find("today").unwrap().to_string(), "2026-03-02");
    }

    #[test]
    fn after_friday_the_next_weekday_is_monday() {
        let friday = on("2026-03-06T15:00:00Z");
        assert_eq!(friday.find("next_weekday").unwrap().to_string(), "2026-03-09");
        assert_eq!(friday.find("weekday+6").unwrap().to_string(), "2026-03-16");
        assert_eq!(friday.find("day-1").unwrap().to_string(), "2026-03-05");
        assert_eq!(friday.find("day+30").unwrap().to_string(), "2026-04-05");
        assert!(friday.find("someday").is_none());
    }

    #[test]
    fn dates_are_spoken_in_the_scripts_language() {
        let date = "2026-03-04".parse().unwrap();
        assert_eq!(spoken(date, "en"), "Wednesday, March 4");
        assert_eq!(spoken(date, "es"), "miércoles 4 de marzo");
        assert_eq!(spoken(date, "fr"), "mercredi 4 mars");
    }
}

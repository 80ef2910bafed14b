use domain::{AppointmentType, Balance, Insurance, InsuranceRank, Money, Sensitive};
use jiff::civil::Date;

use crate::{Unreadable, from_proto_time, proto_time, v1};

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn date(text: &str, field: &'static str) -> Result<Option<Date>, Unreadable> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Unreadable::Field(field))
}

fn amount(money: Option<v1::Money>) -> Result<Option<Sensitive<Money>>, Unreadable> {
    money.map(|money| Money::try_from(money).map(Sensitive::new)).transpose()
}

fn hidden(money: Option<Sensitive<Money>>) -> Option<v1::Money> {
    money.map(|money| money.into_inner().into())
}

impl From<Money> for v1::Money {
    fn from(money: Money) -> Self {
        Self { minor: money.minor, currency: money.currency.code().to_owned() }
    }
}

impl TryFrom<v1::Money> for Money {
    type Error = Unreadable;

    fn try_from(money: v1::Money) -> Result<Self, Unreadable> {
        let currency = money.currency.parse().map_err(|_| Unreadable::Field("money.currency"))?;
        Ok(Self { minor: money.minor, currency })
    }
}

impl From<AppointmentType> for v1::AppointmentType {
    fn from(kind: AppointmentType) -> Self {
        Self {
            vendor_id: kind.vendor_id,
            name: kind.name,
            minutes: kind.minutes.and_then(|minutes| u32::try_from(minutes).ok()).unwrap_or_default(),
        }
    }
}

impl From<v1::AppointmentType> for AppointmentType {
    fn from(kind: v1::AppointmentType) -> Self {
        let minutes = Some(kind.minutes).filter(|minutes| *minutes > 0).map(i64::from);
        Self { vendor_id: kind.vendor_id, name: kind.name, minutes, clinician_kind: None }
    }
}

impl From<Balance> for v1::Balance {
    fn from(balance: Balance) -> Self {
        Self {
            patient: balance.patient,
            total: Some(balance.total.into_inner().into()),
            from_patient: hidden(balance.from_patient),
            from_insurance: hidden(balance.from_insurance),
            as_of: balance.as_of.map(|day| day.to_string()).unwrap_or_default(),
            copied_at: balance.copied_at.map(proto_time),
        }
    }
}

impl TryFrom<v1::Balance> for Balance {
    type Error = Unreadable;

    fn try_from(balance: v1::Balance) -> Result<Self, Unreadable> {
        Ok(Self {
            patient: filled(balance.patient).ok_or(Unreadable::Field("balance.patient"))?,
            total: amount(balance.total)?.ok_or(Unreadable::Field("balance.total"))?,
            from_patient: amount(balance.from_patient)?,
            from_insurance: amount(balance.from_insurance)?,
            as_of: date(&balance.as_of, "balance.as_of")?,
            copied_at: match &balance.copied_at {
                Some(at) => Some(from_proto_time(Some(at), "balance.copied_at")?),
                None => None,
            },
        })
    }
}

impl From<Insurance> for v1::Insurance {
    fn from(insurance: Insurance) -> Self {
        let rank = match insurance.rank {
            InsuranceRank::Primary => v1::InsuranceRank::Primary,
            InsuranceRank::Secondary => v1::InsuranceRank::Secondary,
            InsuranceRank::Other => v1::InsuranceRank::Other,
        };
        let text = |text: Option<Sensitive<String>>| text.map(Sensitive::into_inner).unwrap_or_default();
        Self {
            rank: rank.into(),
            kind: insurance.kind,
            carrier: text(insurance.carrier),
            plan: text(insurance.plan),
            member: text(insurance.member),
            relation: text(insurance.relation),
            since: insurance.since.map(|day| day.to_string()).unwrap_or_default(),
            used: hidden(insurance.used),
            deductible_left: hidden(insurance.deductible_left),
            yearly_maximum: hidden(insurance.yearly_maximum),
        }
    }
}

impl TryFrom<v1::Insurance> for Insurance {
    type Error = Unreadable;

    fn try_from(insurance: v1::Insurance) -> Result<Self, Unreadable> {
        let text = |text: String| filled(text).map(Sensitive::new);
        Ok(Self {
            rank: match insurance.rank() {
                v1::InsuranceRank::Primary => InsuranceRank::Primary,
                v1::InsuranceRank::Secondary => InsuranceRank::Secondary,
                v1::InsuranceRank::Other => InsuranceRank::Other,
            },
            since: date(&insurance.since, "insurance.since")?,
            used: amount(insurance.used)?,
            deductible_left: amount(insurance.deductible_left)?,
            yearly_maximum: amount(insurance.yearly_maximum)?,
            kind: insurance.kind,
            carrier: text(insurance.carrier),
            plan: text(insurance.plan),
            member: text(insurance.member),
            relation: text(insurance.relation),
        })
    }
}

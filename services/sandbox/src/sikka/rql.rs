//! The vendor's `find=` expressions: `field=op_value` joined with `::AND::` and `::OR::` (contract 3.4).

use super::envelope::compare;
use super::errors::Problem;
use super::record::{Record, Table};

/// A parsed expression: any of the groups, all of the terms in a group.
#[derive(Debug)]
pub struct Find(Vec<Vec<Term>>);

#[derive(Debug)]
struct Term {
    field: String,
    op: Op,
    value: String,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Eq,
    Neq,
    Like,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Find {
    /// Reads an expression over the columns of `table`.
    ///
    /// # Errors
    /// 400 API1026 for an unknown column or operator.
    pub fn parse(text: &str, table: &Table) -> Result<Self, Problem> {
        let group = |group: &str| group.split("::AND::").map(|term| Term::parse(term, table)).collect();
        Ok(Self(text.split("::OR::").map(group).collect::<Result<_, _>>()?))
    }

    /// Whether the row satisfies the expression.
    pub fn takes(&self, row: &Record) -> bool {
        self.0.iter().any(|group| group.iter().all(|term| term.takes(row)))
    }
}

impl Term {
    fn parse(text: &str, table: &Table) -> Result<Self, Problem> {
        let wrong = || Problem::invalid("find is not field=op_value");
        let (field, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (op, value) = rest.split_once('_').ok_or_else(wrong)?;
        let op = match op {
            "eq" => Op::Eq,
            "neq" => Op::Neq,
            "like" => Op::Like,
            "gt" => Op::Gt,
            "gte" => Op::Gte,
            "lt" => Op::Lt,
            "lte" => Op::Lte,
            _ => return Err(wrong()),
        };
        if !table.has(field) {
            return Err(Problem::invalid("find names a field this API does not have"));
        }
        Ok(Self { field: field.to_owned(), op, value: value.to_lowercase() })
    }

    fn takes(&self, row: &Record) -> bool {
        let held = row.get(&self.field).to_lowercase();
        // A stored date carries a midnight that nobody types.
        let held = match held.split_once('t') {
            Some((day, "00:00:00")) if self.value.len() == 10 => day,
            _ => held.as_str(),
        };
        let order = compare(held, &self.value);
        match self.op {
            Op::Eq => held == self.value,
            Op::Neq => held != self.value,
            Op::Like => held.starts_with(&self.value),
            Op::Gt => order.is_gt(),
            Op::Gte => order.is_ge(),
            Op::Lt => order.is_lt(),
            Op::Lte => order.is_le(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: Table =
        Table { standard: &["birthdate", "lastname"], more: &[], filters: &[], dates: &[], sort: &[] };

    fn finds(text: &str) -> bool {
        let row =
            Record::of([("birthdate", "1988-03-14T00:00:00".to_owned()), ("lastname", "Lopez".to_owned())]);
        Find::parse(text, &TABLE).expect("the expression should parse").takes(&row)
    }

    #[test]
    fn a_birth_date_is_found_without_its_midnight() {
        assert!(finds("birthdate=eq_1988-03-14"));
        assert!(!finds("birthdate=eq_1988-03-15"));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert!(finds("lastname=eq_nobody::AND::birthdate=eq_1988-03-14::OR::lastname=like_lo"));
        assert!(!finds("lastname=eq_nobody::AND::birthdate=eq_1988-03-14"));
    }

    #[test]
    fn an_unknown_field_or_operator_is_refused() {
        assert!(Find::parse("shoe_size=eq_9", &TABLE).is_err());
        assert!(Find::parse("lastname=is_lopez", &TABLE).is_err());
    }
}

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Text;

/// One page of a list (3.1).
#[derive(Deserialize)]
pub(crate) struct Envelope<T> {
    /// Which page this is, counted from 0.
    #[serde(default)]
    pub offset: Text,
    /// Rows in all pages.
    #[serde(default)]
    pub total_count: Text,
    #[serde(default)]
    pub pagination: Option<Pagination>,
    /// `None` where the vendor wrote something else than a list.
    #[serde(default = "nothing")]
    pub items: Option<Vec<T>>,
    /// Filled where an error stands in the list's place.
    #[serde(default)]
    pub error_code: Text,
}

fn nothing<T>() -> Option<Vec<T>> {
    None
}

/// Links to other pages: read for whether there is a next one, never followed.
#[derive(Deserialize)]
pub(crate) struct Pagination {
    pub next: Option<Text>,
}

impl<T> Envelope<T> {
    /// What an answer without a body means.
    pub(crate) const fn empty() -> Self {
        Self {
            offset: Text::EMPTY,
            total_count: Text::EMPTY,
            pagination: None,
            items: Some(Vec::new()),
            error_code: Text::EMPTY,
        }
    }

    /// Whether the vendor says that this is the last page, where it says.
    pub(crate) fn is_last(&self) -> Option<bool> {
        self.pagination.as_ref().and_then(|links| links.next.as_ref()).map(|next| next.str().is_empty())
    }
}

/// An object, or the same object as the only element of an array.
pub(crate) struct OneOf<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData)).map(Self)
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, or an array of one")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        let only = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        match seq.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(only),
            Some(_) => Err(A::Error::invalid_length(2, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(json: &str) -> Envelope<Text> {
        serde_json::from_str::<OneOf<Envelope<Text>>>(json).unwrap().0
    }

    #[test]
    fn quirk_4_an_envelope_reads_bare_and_in_an_array_of_one() {
        let bare = r#"{"offset":"0","limit":"2","total_count":"3","items":["a","b"]}"#;
        for json in [bare.to_owned(), format!("[{bare}]")] {
            let page = page(&json);
            assert_eq!((page.items.unwrap().len(), page.total_count.str()), (2, "3"));
        }
        assert!(serde_json::from_str::<OneOf<Envelope<Text>>>(&format!("[{bare},{bare}]")).is_err());
        assert!(serde_json::from_str::<OneOf<Envelope<Text>>>("[]").is_err());
    }

    #[test]
    fn quirk_6_an_empty_next_link_is_the_last_page_and_a_missing_one_says_nothing() {
        assert_eq!(page(r#"{"pagination":{"next":""}}"#).is_last(), Some(true));
        let more = page(r#"{"pagination":{"next":"http://sikka.example/x?offset=1"}}"#);
        assert_eq!(more.is_last(), Some(false));
        assert_eq!(page(r#"{"pagination":{}}"#).is_last(), None);
        assert_eq!(page(r#"{}"#).is_last(), None);
    }
}

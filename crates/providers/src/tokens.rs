//! Counting tokens before a call: the reservation must cover what the vendor will count.

use mainstay_core::model::{ModelId, ModelRequest, Part};
use tiktoken_rs::{bpe_for_tokenizer, o200k_base_singleton, tokenizer::get_tokenizer};

/// Roles, separators and the like that a vendor adds to each message.
const PER_MESSAGE: u64 = 8;

/// Returns a rough count, as scripted models count: four characters a token.
pub(crate) fn rough(request: &ModelRequest) -> u64 {
    texts(request).iter().map(|text| rough_text(text)).sum::<u64>() + overhead(request)
}

/// Returns a rough count of one text.
pub(crate) fn rough_text(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

fn overhead(request: &ModelRequest) -> u64 {
    PER_MESSAGE * (request.messages.len() + request.tools.len() + 2) as u64
}

/// Everything in a request that the vendor turns into tokens.
fn texts(request: &ModelRequest) -> Vec<String> {
    let mut texts: Vec<String> = request.system.iter().cloned().collect();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Text { text } => texts.push(text.clone()),
            Part::ToolCall(call) => texts.push(format!("{}{}", call.name, call.shown_arguments())),
            Part::ToolResult(result) => texts.push(result.content.clone()),
        }
    }
    for tool in &request.tools {
        texts.push(format!("{}{}{}", tool.name, tool.description, tool.schema));
    }
    texts.extend(request.output.iter().map(|output| format!("{}{}", output.name, output.schema)));
    texts
}

/// Returns at least as many tokens as the vendor of `model` will count for `request`.
///
/// OpenAI's models are counted with their own vocabulary. Vocabularies of other vendors are not
/// public, or not worth carrying: they get OpenAI's newest count and half as much again, but never
/// more than there are bytes, for a token stands for at least one.
pub(crate) fn bound(model: &ModelId, request: &ModelRequest) -> u64 {
    texts(request).iter().map(|text| bound_text(model, text)).sum::<u64>() + overhead(request)
}

/// Returns the same for one text.
pub(crate) fn bound_text(model: &ModelId, text: &str) -> u64 {
    let own = get_tokenizer(model.name()).and_then(|known| bpe_for_tokenizer(known).ok());
    let count = match own {
        Some(vocabulary) => vocabulary.count_ordinary(text),
        None => (o200k_base_singleton().count_ordinary(text) * 3).div_ceil(2),
    };
    count.min(text.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ModelId {
        text.parse().unwrap()
    }

    #[test]
    fn a_model_with_a_known_vocabulary_is_counted_exactly() {
        // Three words and a full stop, each one token in OpenAI's vocabulary.
        assert_eq!(bound_text(&id("openai:gpt-4.1-mini"), "Where is it."), 4);
        assert_eq!(bound_text(&id("anthropic:claude"), "Where is it."), 6);
    }

    #[test]
    fn a_count_never_passes_the_number_of_bytes() {
        assert_eq!(bound_text(&id("ollama:tiny"), "a"), 1);
        assert_eq!(bound_text(&id("ollama:tiny"), ""), 0);
    }

    #[test]
    fn everything_that_is_sent_is_counted() {
        use mainstay_core::model::{Tier, ToolOffer};
        use serde_json::json;
        let model = id("openai:gpt-4.1-mini");
        let plain = ModelRequest::new(Tier::Fast).with_user("where is my parcel");
        let schema = json!({"type": "object", "properties": {"order": {"type": "integer"}}});
        let offer = ToolOffer {
            name: "find".into(),
            description: "finds".into(),
            schema: schema.clone().into(),
        };
        let longer = [
            plain.clone().with_system("be brief"),
            plain.clone().with_tool(offer.clone()),
            plain.clone().with_output("order", schema),
            plain.clone().with_user("?"),
        ];
        for request in longer {
            assert!(bound(&model, &request) > bound(&model, &plain), "{request:?}");
            assert!(rough(&request) > rough(&plain), "{request:?}");
        }
    }
}

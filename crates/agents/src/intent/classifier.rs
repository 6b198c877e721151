//! The small classifier: which flow's examples a text is like, and how sure that is.
//!
//! Each flow is the mean of its examples' vectors (the nearest-centroid classifier of Manning,
//! Raghavan and Schütze, *Introduction to Information Retrieval*, 2008, section 14.2), each vector
//! in the weights `(1 + ln tf) · ln(1 + N / df)`, of length one (section 6.4); likeness is the
//! cosine. It is the same on every machine and every repeat.
//!
//! # Where its confidence comes from
//!
//! The margin between the likeliest flow and the next is calibrated on the examples themselves.
//! Each is classified once without itself, and once without its whole flow: then every choice is
//! wrong, as for a request that no flow is for. So half of what is asked is taken to be for nobody.

use std::collections::BTreeMap;

use super::{
    Target,
    calibration::{Calibration, Outcome},
    confidence::Confidence,
    words::terms,
};

type Counts = BTreeMap<String, f64>;

/// One text that was said to be for a flow.
#[derive(Debug, Clone)]
struct Sample {
    target: usize,
    counts: Counts,
}

#[derive(Debug, Clone)]
pub(super) struct Classifier {
    model: Centroids,
    calibration: Option<Calibration>,
    /// What requests that are for no flow look like at most: the middle of their likenesses.
    strange: f64,
}

/// What a text is like.
#[derive(Debug)]
pub(super) struct Classified {
    /// The flows, likeliest first.
    pub(super) ranked: Vec<usize>,
    /// How sure the first is.
    pub(super) confidence: Confidence,
    /// Whether it is like anything at all.
    pub(super) is_known: bool,
}

impl Classifier {
    pub(super) fn of(targets: &[Target]) -> Self {
        let sample = |target: usize, text: &str| Sample { target, counts: counts(text) };
        let mut samples: Vec<_> = Vec::new();
        for (target, flow) in targets.iter().enumerate() {
            samples.extend(flow.intent.examples.iter().map(|text| sample(target, text)));
        }
        let learnt = samples.len();
        let named = targets.iter().enumerate();
        samples.extend(named.map(|(i, flow)| {
            sample(i, &format!("{} {}", flow.flow.replace('_', " "), flow.description))
        }));
        let (mut outcomes, mut strange) = (Vec::new(), Vec::new());
        for (left_out, example) in samples.iter().enumerate().take(learnt) {
            let others = |(i, _): &(usize, &Sample)| *i != left_out;
            let without = samples.iter().enumerate().filter(others).map(|(_, sample)| sample);
            let [first, second] = Centroids::of(without, targets.len()).nearest(&example.counts);
            let (margin, right) = (first.1 - second.1, first.0 == example.target);
            outcomes.push(Outcome { margin, right });
            let without = samples.iter().filter(|sample| sample.target != example.target);
            let [first, second] = Centroids::of(without, targets.len()).nearest(&example.counts);
            outcomes.push(Outcome { margin: first.1 - second.1, right: false });
            strange.push(first.1);
        }
        strange.sort_by(f64::total_cmp);
        Self {
            model: Centroids::of(samples.iter(), targets.len()),
            calibration: Calibration::fit(outcomes),
            strange: strange.get(strange.len() / 2).copied().unwrap_or(0.0),
        }
    }

    pub(super) fn classify(&self, text: &str) -> Classified {
        let ranked = self.model.ranked(&counts(text));
        let likeness = |place: usize| ranked.get(place).map_or(0.0, |(_, likeness)| *likeness);
        let margin = likeness(0) - likeness(1);
        let share = self.calibration.as_ref().map(|calibration| calibration.share(margin));
        Classified {
            confidence: share.map_or(Confidence::none(), Confidence::calibrated),
            is_known: likeness(0) > self.strange,
            ranked: ranked.into_iter().map(|(target, _)| target).collect(),
        }
    }
}

fn counts(text: &str) -> Counts {
    terms(text).fold(Counts::new(), |mut counts, term| {
        *counts.entry(term).or_default() += 1.0;
        counts
    })
}

/// The flows as vectors.
#[derive(Debug, Clone)]
struct Centroids {
    weights: BTreeMap<String, f64>,
    flows: Vec<Counts>,
}

impl Centroids {
    #[expect(clippy::cast_precision_loss, reason = "there are not that many examples")]
    fn of<'s>(samples: impl Iterator<Item = &'s Sample> + Clone, flows: usize) -> Self {
        let all = samples.clone().count() as f64;
        let mut weights = Counts::new();
        for term in samples.clone().flat_map(|sample| sample.counts.keys()) {
            *weights.entry(term.clone()).or_default() += 1.0;
        }
        weights.values_mut().for_each(|df| *df = (1.0 + all / *df).ln());
        let mut model = Self { weights, flows: vec![Counts::new(); flows] };
        for sample in samples {
            let vector = model.vector(&sample.counts);
            if let Some(flow) = model.flows.get_mut(sample.target) {
                for (term, weight) in vector {
                    *flow.entry(term).or_default() += weight;
                }
            }
        }
        model.flows = model.flows.into_iter().map(of_length_one).collect();
        model
    }

    /// Terms that no example has are part of the length: much that is strange makes unlike.
    fn vector(&self, counts: &Counts) -> Counts {
        let rarest = self.weights.values().copied().fold(0.0, f64::max);
        let weight = |(term, tf): (&String, &f64)| {
            let idf = self.weights.get(term).copied().unwrap_or(rarest);
            (term.clone(), (1.0 + tf.ln()) * idf)
        };
        of_length_one(counts.iter().map(weight).collect())
    }

    /// Returns each flow with its likeness, likeliest first; equals in their order.
    fn ranked(&self, counts: &Counts) -> Vec<(usize, f64)> {
        let asked = self.vector(counts);
        let likeness = |flow: &Counts| -> f64 {
            asked.iter().filter_map(|(term, weight)| Some(weight * flow.get(term)?)).sum()
        };
        let mut ranked: Vec<_> = self.flows.iter().map(likeness).enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }

    fn nearest(&self, counts: &Counts) -> [(usize, f64); 2] {
        let mut ranked = self.ranked(counts).into_iter();
        [(); 2].map(|()| ranked.next().unwrap_or((usize::MAX, 0.0)))
    }
}

fn of_length_one(mut vector: Counts) -> Counts {
    let length = vector.values().map(|weight| weight * weight).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.values_mut().for_each(|weight| *weight /= length);
    }
    vector
}

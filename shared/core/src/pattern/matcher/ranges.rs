//! Which of many ranges a number is in, without a look at each: ranges sorted by their lower ends as a balanced tree, whose
//! nodes know the highest upper end below them.
//!
//! Both ends count as inside, so the answer may hold a range that the number only touches.

#[derive(Debug, Default)]
pub(super) struct Ranges {
    ranges: Vec<Entry>,
    /// Of the part of `ranges` whose middle is here.
    highest: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    lower: f64,
    upper: f64,
    place: usize,
}

impl Ranges {
    /// Of lower and upper ends, each with its place.
    pub(super) fn new(ranges: impl IntoIterator<Item = (f64, f64, usize)>) -> Self {
        let entry = |(lower, upper, place)| Entry { lower, upper, place };
        let mut ranges: Vec<Entry> = ranges.into_iter().map(entry).collect();
        ranges.sort_by(|one, other| one.lower.total_cmp(&other.lower));
        let mut highest = vec![f64::NEG_INFINITY; ranges.len()];
        fill(&ranges, &mut highest);
        Self { ranges, highest }
    }

    pub(super) fn around(&self, number: f64, mut found: impl FnMut(usize)) {
        look(&self.ranges, &self.highest, number, &mut found);
    }
}

fn fill(ranges: &[Entry], highest: &mut [f64]) -> f64 {
    let middle = ranges.len() / 2;
    let (below, rest) = ranges.split_at(middle);
    let (highest_below, highest_rest) = highest.split_at_mut(middle);
    let (Some((entry, above)), Some((here, highest_above))) = (rest.split_first(), highest_rest.split_first_mut())
    else {
        return f64::NEG_INFINITY;
    };
    *here = entry.upper.max(fill(below, highest_below)).max(fill(above, highest_above));
    *here
}

fn look(ranges: &[Entry], highest: &[f64], number: f64, found: &mut impl FnMut(usize)) {
    let middle = ranges.len() / 2;
    let (below, rest) = ranges.split_at(middle);
    let (highest_below, highest_rest) = highest.split_at(middle);
    let (Some((entry, above)), Some((here, highest_above))) = (rest.split_first(), highest_rest.split_first()) else {
        return;
    };
    if *here < number {
        return;
    }
    look(below, highest_below, number, found);
    if entry.lower <= number {
        if number <= entry.upper {
            found(entry.place);
        }
        look(above, highest_above, number, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_look_at_each_would_say() {
        // Ranges of many widths, some in each other, some the same.
        let all: Vec<(f64, f64, usize)> = (0..200_u32)
            .map(|place| {
                let lower = f64::from(place * 37 % 101);
                (lower, lower + f64::from(place * 13 % 29), place as usize)
            })
            .collect();
        for count in [0, 1, 2, 3, 50, 200] {
            let ranges = Ranges::new(all.iter().take(count).copied());
            for number in (-2..280).map(|half| f64::from(half) / 2.0) {
                let mut found = Vec::new();
                ranges.around(number, |place| found.push(place));
                found.sort_unstable();
                let inside = |(lower, upper, _): &&(f64, f64, usize)| *lower <= number && number <= *upper;
                let expected: Vec<usize> = all.iter().take(count).filter(inside).map(|(_, _, place)| *place).collect();
                assert_eq!(found, expected, "{number} among {count}");
            }
        }
    }
}

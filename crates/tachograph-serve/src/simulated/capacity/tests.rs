use proptest::prelude::*;

use super::*;

/// Far from zero, as a monotonic clock is.
const T0_NS: u64 = 987_654_321_987_654_321;

/// Something to be served, in nanoseconds; times count from [`T0_NS`].
#[derive(Debug, Clone, Copy)]
struct Work {
    arrives: u64,
    length: u64,
    /// When its client goes; absent: it waits for the end.
    leaves: Option<u64>,
}

fn work(arrives: u64, length: u64) -> Work {
    Work { arrives, length, leaves: None }
}

fn leaving(arrives: u64, length: u64, leaves: u64) -> Work {
    Work { arrives, length, leaves: Some(leaves) }
}

/// Serves `all` and returns when each was complete or left.
///
/// With `attentive`, tasks notice each end before the next event and leave;
/// without, nobody looks before everything is over.
fn served(sharing: Sharing, all: &[Work], attentive: bool) -> Vec<u64> {
    let mut clock = ServiceClock::new(sharing);
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (index, work) in all.iter().enumerate() {
        events.push((work.arrives, true, index));
        events.extend(work.leaves.map(|leaves| (leaves, false, index)));
    }
    events.sort_unstable();
    let mut ids = vec![None; all.len()];
    let mut ends = vec![None; all.len()];
    let notice =
        |clock: &mut ServiceClock, ids: &[Option<u64>], ends: &mut [Option<u64>], now_ns| {
            let mut due: Vec<(u64, usize)> = (0..all.len())
                .filter(|index| ends[*index].is_none())
                .filter_map(|index| Some((clock.due_ns(ids[index]?, all[index].length)?, index)))
                .collect();
            due.sort_unstable();
            for (due_ns, index) in due.into_iter().take_while(|(due_ns, _)| *due_ns <= now_ns) {
                let id = ids[index].unwrap();
                let progress = clock.reach(id, all[index].length, now_ns);
                assert_eq!(progress, Progress::Reached(due_ns), "of {index}");
                ends[index] = Some(due_ns - T0_NS);
                assert!(!clock.leave(id, now_ns), "it was complete");
            }
        };
    for (at_ns, joins, index) in events {
        let now_ns = T0_NS + at_ns;
        if attentive {
            notice(&mut clock, &ids, &mut ends, now_ns);
        }
        if joins {
            let joined = clock.join(now_ns, Some(all[index].length));
            assert!(joined.begin_ns.abs_diff(now_ns) <= 1, "{joined:?} at {now_ns}");
            ids[index] = Some(joined.id);
        } else if ends[index].is_none() {
            // Where nobody had looked it may be complete already.
            let id = ids[index].unwrap();
            let due_ns = clock.due_ns(id, all[index].length).unwrap() - T0_NS;
            ends[index] = Some(if clock.leave(id, now_ns) { at_ns } else { due_ns });
        }
    }
    notice(&mut clock, &ids, &mut ends, u64::MAX);
    if attentive {
        assert!(clock.bends.is_empty() && clock.present.is_empty(), "{clock:?}");
    }
    ends.into_iter().map(|end| end.unwrap()).collect()
}

/// The same by another way: what is left of each job, from event to event.
fn by_remaining_work(sharing: Sharing, all: &[Work]) -> Vec<f64> {
    let mut left: Vec<f64> = all.iter().map(|work| work.length as f64).collect();
    let mut ends: Vec<Option<f64>> = vec![None; all.len()];
    let mut now = 0.0;
    while ends.contains(&None) {
        let here = |index: &usize| ends[*index].is_none() && all[*index].arrives as f64 <= now;
        let inside: Vec<usize> = (0..all.len()).filter(here).collect();
        let n_streams = inside.len() as f64;
        let cost = match sharing {
            Sharing::Equal => n_streams,
            Sharing::Slowdown(fraction) => 1.0 - fraction + fraction * n_streams,
        };
        let arrivals = all.iter().map(|work| work.arrives as f64).filter(|time| *time > now);
        let gone = inside.iter().filter_map(|index| Some(all[*index].leaves? as f64));
        let complete = inside.iter().map(|index| now + left[*index] * cost);
        let next = arrivals.chain(gone.clone()).chain(complete).fold(f64::INFINITY, f64::min);
        for index in inside {
            let complete = now + left[index] * cost <= next + 1e-3;
            let leaves = all[index].leaves.is_some_and(|time| time as f64 <= next);
            left[index] -= (next - now) / cost;
            if complete || leaves {
                ends[index] = Some(next);
            }
        }
        now = next;
    }
    ends.into_iter().map(|end| end.unwrap()).collect()
}

fn check(sharing: Sharing, all: &[Work], expected: &[u64]) {
    assert_eq!(served(sharing, all, true), expected, "attentive, {sharing:?}, {all:?}");
    assert_eq!(served(sharing, all, false), expected, "late, {sharing:?}, {all:?}");
}

#[test]
fn equal_jobs_that_start_together_end_together_when_the_formula_says() {
    for length_ns in [1, 1_000, 333_333_333, 60_000_000_000] {
        for k in 1..=16_u64 {
            let all: Vec<Work> = (0..k).map(|_| work(0, length_ns)).collect();
            let n_jobs = all.len();
            check(Sharing::Equal, &all, &vec![k * length_ns; n_jobs]);
            check(Sharing::Slowdown(0.0), &all, &vec![length_ns; n_jobs]);
            check(Sharing::Slowdown(1.0), &all, &vec![k * length_ns; n_jobs]);
            // In 60ths these fractions are whole, and so is the arithmetic.
            for (fraction, sixtieths) in [(0.25, 15), (0.5, 30), (0.1, 6), (2.5, 150)] {
                let exact = length_ns * (60 + sixtieths * (k - 1));
                let rounded = (exact + 30) / 60;
                let got = served(Sharing::Slowdown(fraction), &all, true);
                assert!(got.iter().all(|end| end.abs_diff(rounded) <= 1), "{got:?}, {rounded}");
            }
        }
    }
}

#[test]
fn a_second_stream_costs_a_stated_fraction() {
    let two = [work(0, 1_000_000), work(0, 1_000_000)];
    check(Sharing::Slowdown(0.25), &two, &[1_250_000; 2]);
    check(Sharing::Slowdown(1.0), &two, &[2_000_000; 2]);
}

#[test]
fn streams_that_come_later_slow_down_from_then_on() {
    // At 40 the first has 60 to go; at 100 the second has had its 30, and the
    // first still has 30.
    check(Sharing::Equal, &[work(0, 100), work(40, 30)], &[130, 100]);
    // Until 40 the first has 40; until 70 two have 15 each; until 130 three
    // have 20 each; until 180 two have 25 each; the first has 10 to go.
    check(Sharing::Equal, &[work(0, 110), work(40, 60), work(70, 20)], &[190, 180, 130]);
    // With half a stream's time for each other one: 0-40: A 40; 40-85: 30 each
    // in 45; then A has 30 of 100 to go alone.
    check(Sharing::Slowdown(0.5), &[work(0, 100), work(40, 30)], &[115, 85]);
    // One that comes when nobody is there finds the whole rate.
    check(Sharing::Equal, &[work(0, 100), work(1_000, 100), work(5_000, 7)], &[100, 1_100, 5_007]);
}

#[test]
fn a_stream_that_leaves_early_speeds_the_others_up_from_then_on() {
    check(Sharing::Equal, &[work(0, 100), leaving(0, 100, 40)], &[120, 40]);
    check(Sharing::Slowdown(0.5), &[work(0, 100), leaving(0, 100, 30)], &[110, 30]);
    // Three until 30, two until 70, then one: 10 + 20 + 70.
    let all = [work(0, 100), leaving(0, 100, 30), leaving(0, 100, 70)];
    check(Sharing::Equal, &all, &[140, 30, 70]);
}

#[test]
fn equal_jobs_through_slots_take_what_the_formula_says() {
    for sharing in [Sharing::Equal, Sharing::Slowdown(0.0), Sharing::Slowdown(0.5)] {
        for (k, m) in [(2, 1), (4, 4), (5, 2), (7, 3), (12, 4), (16, 5)] {
            let length_ns = 1_000_000;
            let mut clock = ServiceClock::new(sharing);
            let mut running: Vec<u64> = Vec::new();
            let mut now_ns = T0_NS;
            for started in 0..k {
                if started >= m {
                    // The one that ends first gives its slot away then.
                    let due = |id: &u64| clock.due_ns(*id, length_ns).unwrap();
                    let first = (0..running.len()).min_by_key(|i| due(&running[*i])).unwrap();
                    let id = running.remove(first);
                    now_ns = due(&id);
                    clock.reach(id, length_ns, now_ns);
                    clock.leave(id, now_ns);
                }
                let joined = clock.join(now_ns, Some(length_ns));
                assert_eq!(joined.begin_ns, now_ns);
                running.push(joined.id);
            }
            let last = running.iter().map(|id| clock.due_ns(*id, length_ns).unwrap()).max();
            let makespan_ns = last.unwrap() - T0_NS;
            let (rounds, rest) = (k / m, k % m);
            let expected_ns = match sharing {
                Sharing::Equal => k * length_ns,
                Sharing::Slowdown(fraction) if fraction > 0.0 => {
                    // Half a length for each other stream.
                    let round = |n: u64| if n == 0 { 0 } else { length_ns * (n + 1) / 2 };
                    rounds * round(m) + round(rest)
                }
                Sharing::Slowdown(_) => k.div_ceil(m) * length_ns,
            };
            assert_eq!(makespan_ns, expected_ns, "{k} jobs, {m} slots, {sharing:?}");
        }
    }
}

#[test]
fn every_piece_of_a_stream_is_due_on_the_same_line() {
    let mut clock = ServiceClock::new(Sharing::Equal);
    let a = clock.join(T0_NS, Some(100)).id;
    clock.join(T0_NS + 20, Some(10));
    let due: Vec<u64> =
        (0..=10).map(|piece| clock.due_ns(a, piece * 10).unwrap() - T0_NS).collect();
    assert_eq!(due, [0, 10, 20, 40, 50, 60, 70, 80, 90, 100, 110]);
    // A task that is late learns the same of what has long been.
    clock.reach(a, 70, T0_NS + 1_000);
    let late: Vec<u64> =
        (0..=10).map(|piece| clock.due_ns(a, piece * 10).unwrap() - T0_NS).collect();
    assert_eq!(late, due);
    assert_eq!(clock.due_ns(a, 1_000_000), clock.due_ns(a, 100), "there is no more");
}

#[test]
fn what_was_told_stays_true() {
    let mut clock = ServiceClock::new(Sharing::Equal);
    let a = clock.join(T0_NS, Some(1_000)).id;
    assert_eq!(clock.reach(a, 500, T0_NS + 499), Progress::Expected(T0_NS + 500));
    assert_eq!(clock.reach(a, 500, T0_NS + 700), Progress::Reached(T0_NS + 500));
    // It is later than that, but nobody was told so: the stream comes when it says.
    assert_eq!(clock.join(T0_NS + 600, None).begin_ns, T0_NS + 600);
    // The first slows down from there, which the late task finds too.
    assert_eq!(clock.reach(a, 650, T0_NS + 700), Progress::Reached(T0_NS + 700));
    let c = clock.join(T0_NS + 650, None);
    assert_eq!(c.begin_ns, T0_NS + 700, "the first was told of 700");
    assert_eq!(clock.due_ns(a, 650), Some(T0_NS + 700));
    assert_eq!(clock.due_ns(a, 651), Some(T0_NS + 703));
}

#[test]
fn a_stream_without_an_end_counts_until_it_leaves() {
    let mut clock = ServiceClock::new(Sharing::Equal);
    let silent = clock.join(T0_NS, None).id;
    let a = clock.join(T0_NS, Some(100)).id;
    assert_eq!(clock.due_ns(a, 100), Some(T0_NS + 200));
    assert!(clock.leave(silent, T0_NS + 50));
    assert_eq!(clock.due_ns(a, 100), Some(T0_NS + 125));
    assert!(!clock.leave(silent, T0_NS + 60), "only once");
    assert_eq!(clock.due_ns(silent, 1), None);
    assert_eq!(clock.reach(a, 100, T0_NS + 400), Progress::Reached(T0_NS + 125));
    assert_eq!(clock.join(T0_NS + 130, Some(10)).begin_ns, T0_NS + 130);
}

#[test]
fn what_nobody_can_ask_for_is_forgotten() {
    let mut clock = ServiceClock::new(Sharing::Equal);
    let mut before = clock.join(T0_NS, Some(150)).id;
    for round in 1..1_000 {
        let next = clock.join(T0_NS + round * 200, Some(150)).id;
        let now_ns = T0_NS + round * 200 + 50;
        clock.reach(before, 150, now_ns);
        clock.leave(before, now_ns);
        before = next;
        assert!(clock.bends.len() <= 3 && clock.streams.len() == 1, "{clock:?}");
    }
}

#[test]
fn sizes_without_measure_saturate() {
    let mut clock = ServiceClock::new(Sharing::Slowdown(1e6));
    let ids: Vec<u64> = (0..3).map(|_| clock.join(T0_NS, Some(u64::MAX)).id).collect();
    assert_eq!(clock.due_ns(ids[0], u64::MAX), Some(u64::MAX));
    assert_eq!(clock.join(0, Some(0)).begin_ns, T0_NS);
}

proptest! {
    #[test]
    fn ends_agree_with_another_way_to_compute_them(
        all in prop::collection::vec(
            (0..2_000_u64, 1..1_000_u64, prop::option::weighted(0.3, 1..3_000_u64)),
            1..24,
        ),
        scale in 1..1_000_003_u64,
        fraction in 0.0..3.0_f64,
    ) {
        let all: Vec<Work> = all
            .into_iter()
            .map(|(arrival, length, stay)| Work {
                arrives: arrival * scale,
                length: length * scale,
                leaves: stay.map(|stay| (arrival + stay) * scale),
            })
            .collect();
        for sharing in [Sharing::Equal, Sharing::Slowdown(fraction)] {
            let expected = by_remaining_work(sharing, &all);
            for attentive in [true, false] {
                let got = served(sharing, &all, attentive);
                for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    let same = (*got as f64 - expected).abs() <= 2.0;
                    prop_assert!(same, "{index}: {got}, {expected}, {attentive}, {sharing:?}");
                }
            }
        }
    }
}

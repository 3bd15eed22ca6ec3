//! The two special functions that the tests of shares need.

/// ln Γ(x) for x > 0, by Lanczos' approximation (g = 7, 9 terms; Godfrey's coefficients), good to 1e-13.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let mut sum = 0.999_999_999_999_809_9;
    let mut place = x;
    for term in TERMS {
        place += 1.0;
        sum += term / place;
    }
    let t = x + G + 0.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The regularised incomplete beta function `I_x(a, b)`, by its continued fraction (DLMF 8.17.22) with
/// Lentz's method; Numerical Recipes §6.4.
pub(crate) fn beta_share(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    // The fraction converges fast below the mean; above it the other tail is taken.
    if x < (a + 1.0) / (a + b + 2.0) {
        (front.exp() * fraction(a, b, x) / a).clamp(0.0, 1.0)
    } else {
        (1.0 - front.exp() * fraction(b, a, 1.0 - x) / b).clamp(0.0, 1.0)
    }
}

/// Lentz's evaluation. It needs about sqrt(max(a, b)) rounds: 100,000 reach far beyond 10^9 events.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const MAX_ROUNDS: u32 = 100_000;
    const TINY: f64 = 1e-300;
    let off_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut upper, mut lower) = (1.0, 1.0 / off_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = lower;
    for round in 1..=MAX_ROUNDS {
        let m = f64::from(round);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        lower = 1.0 / off_zero(1.0 + even * lower);
        upper = off_zero(1.0 + even / upper);
        value *= lower * upper;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        lower = 1.0 / off_zero(1.0 + odd * lower);
        upper = off_zero(1.0 + odd / upper);
        let step = lower * upper;
        value *= step;
        if (step - 1.0).abs() < 1e-14 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_gamma_is_that_of_factorials_and_of_a_half() {
        let mut factorial: f64 = 1.0;
        for n in 1..20 {
            assert!(
                (ln_gamma(f64::from(n)) - factorial.ln()).abs() < 1e-11,
                "{n}"
            );
            factorial *= f64::from(n);
        }
        let half = std::f64::consts::PI.sqrt().ln();
        assert!((ln_gamma(0.5) - half).abs() < 1e-12);
    }

    #[test]
    fn beta_share_is_the_sum_of_the_binomial_tail() {
        // I_x(k, n - k + 1) = P(Binomial(n, x) >= k)
        for (n, k, x) in [
            (10, 3, 0.2_f64),
            (40, 39, 0.98),
            (25, 1, 0.01),
            (60, 30, 0.5),
        ] {
            let term = |j: i32| {
                let choose = ln_gamma(f64::from(n) + 1.0)
                    - ln_gamma(f64::from(j) + 1.0)
                    - ln_gamma(f64::from(n - j) + 1.0);
                choose.exp() * x.powi(j) * (1.0 - x).powi(n - j)
            };
            let tail: f64 = (k..=n).map(term).sum();
            let got = beta_share(f64::from(k), f64::from(n - k + 1), x);
            assert!((got - tail).abs() < 1e-10, "{n} {k} {x}: {got} {tail}");
        }
    }
}

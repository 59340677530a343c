// SPDX-License-Identifier: Apache-2.0

package series

// Distribution remembers what the interval's distribution of one histogram or
// summary series is measured from. Its zero value has seen nothing. It is not
// safe for concurrent use.
//
// The count of observations is a counter like any other, so order, resets and
// changes of type are judged by it alone.
type Distribution struct {
	count       Memory
	explicit    *Histogram   // cumulative buckets of the reading before; nil for other kinds
	exponential *Exponential // likewise
}

// ObserveCount folds a distribution of which only the count can be
// differenced (a summary), and returns its rate of count per second.
func (d *Distribution) ObserveCount(count *Reading) (Sample, Reason) {
	return d.count.Observe(count)
}

// ObserveHistogram folds one histogram, whose count is also given as a reading of
// shape CumulativeCounter or Delta, and turns next into the distribution of
// the interval. The sample is its rate of count per second. Where the reason
// is not Scored, next is of no use.
func (d *Distribution) ObserveHistogram(count *Reading, next *Histogram) (Sample, Reason) {
	if why := next.Check(); why != Scored {
		return Sample{}, why
	}
	rate, why := d.count.Observe(count)
	if count.Shape != CumulativeCounter {
		return rate, why
	}
	if why == FirstPoint || why == Reset || (why == Scored && d.explicit == nil) {
		if d.explicit == nil {
			d.explicit, d.exponential = &Histogram{}, nil
		}
		d.explicit.CopyFrom(next)
		return Sample{}, orFirst(why)
	}
	if why == Scored {
		why = d.explicit.Advance(next)
	}
	return rate, why
}

// ObserveExponential is ObserveHistogram for exponential histograms.
func (d *Distribution) ObserveExponential(count *Reading, next *Exponential) (Sample, Reason) {
	if why := next.Check(); why != Scored {
		return Sample{}, why
	}
	rate, why := d.count.Observe(count)
	if count.Shape != CumulativeCounter {
		return rate, why
	}
	if why == FirstPoint || why == Reset || (why == Scored && d.exponential == nil) {
		if d.exponential == nil {
			d.exponential, d.explicit = &Exponential{}, nil
		}
		d.exponential.CopyFrom(next)
		return Sample{}, orFirst(why)
	}
	if why == Scored {
		why = d.exponential.Advance(next)
	}
	return rate, why
}

// orFirst is why there is no interval: what the counter says, or that the
// buckets are the first of their type.
func orFirst(why Reason) Reason {
	if why == Scored {
		return FirstPoint
	}
	return why
}

package io.kith.load.scale;

import java.util.List;

/**
 * A straight line through measured points, by least squares.
 *
 * @param at0 where it begins, not below 0
 * @param each what one more adds, not below 0
 */
record Slope(double at0, double each) {
  /** A point. */
  record Point(double x, double y) {}

  /** Through two points or more, not all at one place. */
  static Slope of(List<Point> points) {
    var x = points.stream().mapToDouble(Point::x).average().orElseThrow();
    var y = points.stream().mapToDouble(Point::y).average().orElseThrow();
    var xy = points.stream().mapToDouble(point -> (point.x - x) * (point.y - y)).sum();
    var xx = points.stream().mapToDouble(point -> (point.x - x) * (point.x - x)).sum();
    if (xx == 0) {
      throw new IllegalArgumentException("all points at " + x + " (expected: two places or more)");
    }
    var each = Math.max(0, xy / xx);
    return new Slope(Math.max(0, y - each * x), each);
  }
}

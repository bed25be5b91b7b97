#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Android)
  import Android
#endif

/// A moment as a calendar and a clock show it, for `strftime_now`.
package struct TemplateDate: Sendable, Equatable {
  package var year: Int
  /// 1…12
  package var month: Int
  /// 1…31
  package var day: Int
  package var hour: Int
  package var minute: Int
  package var second: Int
  package var microsecond: Int

  package init(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0
  ) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
    self.microsecond = microsecond
  }

  /// Now, in the local time zone.
  package static func now() -> TemplateDate {
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    var seconds = clock.tv_sec
    var parts = tm()
    localtime_r(&seconds, &parts)
    return TemplateDate(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
      hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec),
      microsecond: clock.tv_nsec / 1000)
  }

  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November",
    "December",
  ]

  private var isLeapYear: Bool {
    year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
  }

  /// 1…366
  var dayOfYear: Int {
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
    return before + day + (month > 2 && isLeapYear ? 1 : 0)
  }

  /// 0 is Sunday. Sakamoto's method.
  var weekday: Int {
    let year = month < 3 ? year - 1 : year
    let offset = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][month - 1]
    return (year + year / 4 - year / 100 + year / 400 + offset + day) % 7
  }

  /// Python's `strftime` in the C locale. nil for a directive that depends on more than this knows.
  package func formatted(_ format: String) -> String? {
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%" else {
        result.append(scalar: scalar)
        continue
      }
      // GNU's `%-d` drops the padding.
      let isUnpadded = scalars.first == "-"
      if isUnpadded { scalars.removeFirst() }
      guard let directive = scalars.popFirst(), let field = field(directive, isUnpadded: isUnpadded) else {
        return nil
      }
      result += field
    }
    return result
  }

  private func field(_ directive: Unicode.Scalar, isUnpadded: Bool) -> String? {
    func padded(_ value: Int, _ width: Int = 2, with filler: String = "0") -> String {
      let digits = String(value)
      return isUnpadded ? digits : String(repeating: filler, count: max(0, width - digits.count)) + digits
    }
    let hour12 = (hour + 11) % 12 + 1
    switch directive {
    case "Y": return padded(year, 4)
    case "y": return padded(year % 100)
    case "C": return padded(year / 100)
    case "m": return padded(month)
    case "d": return padded(day)
    case "e": return padded(day, with: " ")
    case "H": return padded(hour)
    case "k": return padded(hour, with: " ")
    case "I": return padded(hour12)
    case "l": return padded(hour12, with: " ")
    case "M": return padded(minute)
    case "S": return padded(second)
    case "f": return padded(microsecond, 6)
    case "j": return padded(dayOfYear, 3)
    case "p": return hour < 12 ? "AM" : "PM"
    case "P": return hour < 12 ? "am" : "pm"
    case "A": return Self.weekdays[weekday]
    case "a": return String(Self.weekdays[weekday].prefix(3))
    case "B": return Self.months[month - 1]
    case "b", "h": return String(Self.months[month - 1].prefix(3))
    case "w": return String(weekday)
    case "u": return String(weekday == 0 ? 7 : weekday)
    case "U": return padded((dayOfYear + 6 - weekday) / 7)
    case "W": return padded((dayOfYear + 6 - (weekday + 6) % 7) / 7)
    case "F": return formatted("%Y-%m-%d")
    case "D", "x": return formatted("%m/%d/%y")
    case "T", "X": return formatted("%H:%M:%S")
    case "R": return formatted("%H:%M")
    case "r": return formatted("%I:%M:%S %p")
    case "c": return formatted("%a %b %e %H:%M:%S %Y")
    case "n": return "\n"
    case "t": return "\t"
    case "Z", "z": return ""
    case "%": return "%"
    default: return nil
    }
  }
}

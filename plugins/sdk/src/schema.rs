//! What a component is made of, as constants: the plan is written from them while the plugin compiles.
//!
//! The same rules as the server's schemas; what it would refuse when a plugin is attached is refused here when the
//! plugin is compiled. Texts are escaped for JSON already.

/// A component.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// `UpperCamelCase`.
    pub name: &'static str,
    /// For people.
    pub doc: &'static str,
    /// How changes reach clients.
    pub delivery: Delivery,
    /// May clients write it?
    pub is_writable: bool,
    /// Is it the server's? Then no plan declares it.
    pub is_builtin: bool,
    /// In the order of a row.
    pub fields: &'static [FieldSchema],
}

/// How a component's changes reach clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The latest wins: what changes every tick.
    State,
    /// In order: what changes seldom.
    Reliable,
    /// Never.
    Hidden,
}

/// A field of a component or of a config.
#[derive(Clone, Copy, Debug)]
pub struct FieldSchema {
    /// `snake_case`.
    pub name: &'static str,
    /// For people.
    pub doc: &'static str,
    /// Its type.
    pub kind: Kind,
    /// `m/s`, or empty.
    pub unit: &'static str,
    /// Least value.
    pub min: Option<Number>,
    /// Is `min` itself refused?
    pub is_above_min: bool,
    /// Greatest value.
    pub max: Option<Number>,
    /// The unit in which it travels.
    pub step: Option<Number>,
    /// Where nothing else is said.
    pub default: Given,
}

/// A number as its author wrote it, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// In JSON.
    pub text: &'static str,
    /// The same.
    pub value: f64,
}

/// A default.
#[derive(Clone, Copy, Debug)]
pub enum Given {
    /// That of the kind.
    Nothing,
    /// One, or one for each word.
    Numbers(&'static [Number]),
    /// A choice's variant.
    Variant(u32),
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Yes or no.
    Flag,
    /// A whole number >= 0.
    U32,
    /// A whole number.
    I32,
    /// A real number.
    F32,
    /// x, y, z.
    Vec3,
    /// x, y, z, w of a unit quaternion.
    Quat,
    /// Red, green, blue.
    Color,
    /// Another entity.
    Entity,
    /// One of these names.
    Choice(&'static [&'static str]),
}

/// A Rust type that can be a field.
///
/// # Safety
/// It has the size of [`Kind::words`] words and an alignment of at most 4, no padding, and every value that the kind
/// admits is one of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a component or a config",
    label = "is not made of 32-bit words",
    note = "fields are u32, i32, f32, [f32; 3], Flag (for yes and no), Quat, Color, Entity, Player, or an enum with \
            #[derive(Choice)]"
)]
#[allow(unsafe_code)]
pub unsafe trait Field: Copy + 'static {
    /// Its kind.
    const KIND: Kind;
    /// Where nothing is said.
    const INITIAL: Self;
    /// The value of a default's numbers, as many as it has words.
    fn of_numbers(numbers: &[f64]) -> Self;
}

/// Where no range is said, and where a step of a thousandth still fits the lanes that values travel in.
pub(crate) const REAL_MAX: Number = Number { text: "1000000", value: 1_000_000.0 };
pub(crate) const REAL_MIN: Number = Number { text: "-1000000", value: -1_000_000.0 };
pub(crate) const STEP: Number = Number { text: "0.001", value: 0.001 };
pub(crate) const ZERO: Number = Number { text: "0", value: 0.0 };
pub(crate) const I32_MIN: Number = Number { text: "-2147483648", value: i32::MIN as f64 };
pub(crate) const I32_MAX: Number = Number { text: "2147483647", value: i32::MAX as f64 };

const FIELDS_MAX: usize = 16;
const LANES_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 64;
const VARIANTS_MAX: usize = 64;

impl Kind {
    /// 32-bit words in a row.
    #[must_use]
    pub const fn words(&self) -> usize {
        match self {
            Kind::Vec3 | Kind::Color => 3,
            Kind::Quat => 4,
            _ => 1,
        }
    }

    const fn lanes(&self) -> usize {
        if matches!(self, Kind::Color) { 1 } else { self.words() }
    }
}

impl Schema {
    /// Words of a row.
    #[must_use]
    pub const fn words(&self) -> usize {
        let (mut words, mut i) = (0, 0);
        while i < self.fields.len() {
            words += self.fields[i].kind.words();
            i += 1;
        }
        words
    }

    /// Stops the compiler where a world would refuse the component.
    pub const fn check(&self) {
        let name = self.name.as_bytes();
        assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX, "a component's name has 1 to 64 bytes");
        assert!(name[0].is_ascii_uppercase(), "a component's name is UpperCamelCase");
        let (mut i, mut lanes) = (0, 0);
        while i < name.len() {
            assert!(name[i].is_ascii_alphanumeric(), "a component's name is letters and digits");
            i += 1;
        }
        i = 0;
        while i < self.fields.len() {
            lanes += self.fields[i].kind.lanes();
            i += 1;
        }
        assert!(self.fields.len() <= FIELDS_MAX, "a component has at most 16 fields");
        assert!(lanes <= LANES_MAX, "a component has at most 32 lanes: a vector has 3, a quaternion 4, all else 1");
    }
}

impl FieldSchema {
    /// The least and the greatest value, whoever said them; `None` for kinds without a range.
    #[must_use]
    pub const fn range(&self) -> Option<(Number, Number)> {
        let (least, greatest) = match self.kind {
            Kind::F32 | Kind::Vec3 => (REAL_MIN, REAL_MAX),
            Kind::U32 => (ZERO, I32_MAX),
            Kind::I32 => (I32_MIN, I32_MAX),
            _ => return None,
        };
        Some((or(self.min, least), or(self.max, greatest)))
    }

    /// The step of a kind that has one.
    #[must_use]
    pub const fn step(&self) -> Number {
        or(self.step, STEP)
    }

    /// Is `value` within the range?
    #[must_use]
    pub const fn admits(&self, value: f64) -> bool {
        match self.range() {
            // A range's ends are `f32`s in the server, and a number is compared as one.
            Some((min, max)) if matches!(self.kind, Kind::F32 | Kind::Vec3) => {
                let (value, min, max) = (value as f32, min.value as f32, max.value as f32);
                value.is_finite() && value <= max && (value > min || (value == min && !self.is_above_min))
            }
            Some((min, max)) => value >= min.value && value <= max.value,
            None => true,
        }
    }

    /// Stops the compiler where a world would refuse the field.
    pub const fn check(&self) {
        let (name, mut i) = (self.name.as_bytes(), 0);
        assert!(name.len() <= NAME_BYTES_MAX, "a field's name has at most 64 bytes");
        while i < name.len() {
            let is_snake = name[i].is_ascii_lowercase() || name[i].is_ascii_digit() || name[i] == b'_';
            assert!(is_snake, "a field's name is snake_case");
            i += 1;
        }
        let is_real = matches!(self.kind, Kind::F32 | Kind::Vec3);
        assert!(is_real || self.step.is_none(), "only f32 and [f32; 3] have a step");
        assert!(is_real || !self.is_above_min, "only f32 and [f32; 3] can be `above`; say min");
        match self.range() {
            None => assert!(self.min.is_none() && self.max.is_none(), "a field of this type has no range"),
            Some((min, max)) if is_real => {
                let (min, max, step) = (min.value, max.value, self.step().value);
                assert!(min < max, "min must be less than max");
                assert!(step > 0.0, "step must be greater than 0");
                let reach = if max.abs() > min.abs() { max.abs() } else { min.abs() };
                assert!(
                    reach / step <= (1 << 29) as f64 * 2.0,
                    "the range has more than 2^30 steps: give a larger step"
                );
            }
            Some((min, max)) => {
                assert!(min.value <= max.value, "min must not be greater than max");
                let is_whole = min.value == min.value as i64 as f64 && max.value == max.value as i64 as f64;
                assert!(is_whole, "min and max of a whole number are whole");
                assert!(max.value <= I32_MAX.value, "max is at most 2147483647");
                let least = if matches!(self.kind, Kind::U32) { 0.0 } else { I32_MIN.value };
                assert!(min.value >= least, "min is less than the type can be");
            }
        }
        if let Kind::Choice(names) = self.kind {
            assert!(names.len() <= VARIANTS_MAX, "a choice has at most 64 variants");
        }
        self.check_default();
    }

    const fn check_default(&self) {
        match (self.default, self.kind) {
            (Given::Nothing, _) => assert!(self.admits(0.0), "0 is not in the range: give a default"),
            (Given::Variant(at), Kind::Choice(names)) => {
                assert!((at as usize) < names.len(), "there is no such variant")
            }
            (Given::Variant(_), _) => panic!("a default is written as it is, such as 0.5"),
            (Given::Numbers(_), Kind::Choice(_)) => panic!("the default of a choice is a variant, such as Mode::Fast"),
            (Given::Numbers(_), Kind::Entity) => panic!("an entity's number is not known before it is there"),
            (Given::Numbers(numbers), kind) => {
                let spread = numbers.len() == 1 && matches!(kind, Kind::Vec3);
                assert!(spread || numbers.len() == kind.words(), "the default has as many numbers as the type");
                let mut i = 0;
                while i < numbers.len() {
                    let value = numbers[i].value;
                    assert!(self.admits(value), "the default is out of the range");
                    let is_part = value >= 0.0 && value <= 1.0;
                    assert!(is_part || !matches!(kind, Kind::Color), "a colour's parts are 0 to 1");
                    let is_whole = value == value as i64 as f64;
                    assert!(is_whole || !matches!(kind, Kind::U32 | Kind::I32), "the default must be whole");
                    i += 1;
                }
            }
        }
    }
}

const fn or(said: Option<Number>, otherwise: Number) -> Number {
    match said {
        Some(number) => number,
        None => otherwise,
    }
}

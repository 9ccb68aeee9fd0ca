//! The data language of components: field kinds, units, quantisation and the JSON form.

"""Resource policies in Cedar: who may do what to which model, from where and when. Pure, like the gate around them."""

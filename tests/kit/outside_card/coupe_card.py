"""The card of a coupe by another maker; must never need more than a few lines."""

SEAT, HVAC = "Vehicle.Cabin.Seat.Row1.DriverSide", "Vehicle.Cabin.HVAC.Station.Row1.Driver"
CARD = f"""
id = "coupe"
revision = 3
model = "Acme Coupe"
body = "coupe"
drive_side = "right"
zones = {{ driver = "Row1.Driver" }}

[geometry]
hip_x_mm = 740
hip_z_mm = 190
rail_deg = 5
cushion_deg = 16
cushion_length_mm = 440
headrest_mm = 640
design_hip_z_mm = 200
design_cushion_deg = 16
design_torso_deg = 27

[actuators]
"{SEAT}.Position" = {{ unit = "mm", low = 0, high = 230, speed_per_s = 30 }}
"{SEAT}.Height" = {{ unit = "mm", low = 0, high = 40, speed_per_s = 10 }}
"{SEAT}.Backrest.Recline" = {{ unit = "degrees", low = 10, high = 40, step = 0.5, speed_per_s = 5 }}
"{HVAC}.Temperature" = {{ unit = "fahrenheit", low = 60, high = 84, step = 1 }}
"""


def card() -> str:
    """The document."""
    return CARD
